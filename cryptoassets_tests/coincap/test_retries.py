"""Attempts and the pauses between them."""

import itertools
import time

import pytest

from cryptoassets.coincap.models import RetryPolicy
from cryptoassets.coincap.retries import call_with_retries, pause_seconds
from cryptoassets.coincap.verdicts import CallFailure
from cryptoassets.errors import RateLimitedError, SourceError, SourceUnavailableError

POLICY = RetryPolicy(first_pause_seconds=1, longest_pause_seconds=3)
PATIENT = RetryPolicy(
    attempts=3, attempts_when_limited=9, first_pause_seconds=0.001, longest_pause_seconds=0.001
)


def outcome_of(*errors: type[SourceError] | None, policy: RetryPolicy = PATIENT) -> str:
    """Call a source with these faults, one per call; the last one repeats. None is a success."""
    faults = itertools.chain(errors, itertools.repeat(errors[-1]))

    def ask(_deadline: float) -> str | CallFailure:
        error = next(faults)
        wait = 0.0 if error is RateLimitedError else None
        return "good" if error is None else CallFailure(error("a fault"), True, wait)

    return call_with_retries(ask, policy, total_seconds=30)


@pytest.mark.parametrize(
    ("error", "attempts"), [(SourceUnavailableError, 3), (RateLimitedError, 9)]
)
def test_rate_limited_calls_have_their_own_number_of_attempts(
    error: type[SourceError], attempts: int
) -> None:
    """Rate limits and other faults are counted separately, and both are bounded."""
    with pytest.raises(error, match=rf"tried {attempts} times"):
        outcome_of(error)


def test_by_default_429_is_retried_like_other_faults() -> None:
    """Snapshots use this default, because they must be fetched within their hour."""
    policy = RetryPolicy(attempts=2, first_pause_seconds=0.001, longest_pause_seconds=0.001)

    with pytest.raises(RateLimitedError, match="tried 2 times"):
        outcome_of(RateLimitedError, policy=policy)


def test_many_429s_do_not_use_up_the_attempts_for_other_faults() -> None:
    """Eight 429s and two resets are within their separate limits; a third reset is not."""
    storm, resets = [RateLimitedError] * 8, [SourceUnavailableError] * 2

    assert "good" == outcome_of(*storm, *resets, None)
    with pytest.raises(SourceUnavailableError, match="tried 11 times"):
        outcome_of(*storm, *resets, SourceUnavailableError)


def test_no_retry_goes_beyond_the_deadline() -> None:
    """The limit for all calls and pauses together applies to 429, too."""
    started = time.monotonic()

    with pytest.raises(RateLimitedError, match="tried"):
        call_with_retries(
            lambda _deadline: CallFailure(RateLimitedError("a fault"), True, 0.05),
            RetryPolicy(attempts=3, attempts_when_limited=1000, first_pause_seconds=0.001),
            total_seconds=0.3,
        )

    assert time.monotonic() - started < 1


@pytest.mark.parametrize(("attempt", "least", "most"), [(1, 0.5, 1.5), (2, 1, 3), (9, 3, 3)])
def test_pauses_double_within_their_bounds(attempt: int, least: float, most: float) -> None:
    """Retries must not put more load on a server during an outage."""
    pauses = [pause_seconds(POLICY, attempt, None) for _ in range(200)]

    assert least <= min(pauses) <= max(pauses) <= most


def test_pauses_are_random() -> None:
    """With equal pauses, all clients would retry at the same instant after an outage."""
    assert 190 < len({pause_seconds(POLICY, 1, None) for _ in range(200)})


def test_the_pause_is_slightly_longer_than_the_server_asks_for() -> None:
    """An earlier retry would be refused again."""
    pauses = [pause_seconds(POLICY, 3, 7) for _ in range(200)]

    assert 7 <= min(pauses) <= max(pauses) <= 8
