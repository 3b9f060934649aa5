"""Attempts and the pauses between them."""

import itertools
import time

import pytest

from cryptoassets.coincap.models import RetryPolicy
from cryptoassets.coincap.retries import pause_seconds, until_good
from cryptoassets.coincap.verdicts import Trouble
from cryptoassets.errors import RateLimitedError, SourceError, SourceUnavailableError

POLICY = RetryPolicy(first_pause_seconds=1, longest_pause_seconds=3)
PATIENT = RetryPolicy(
    attempts=3, attempts_when_limited=9, first_pause_seconds=0.001, longest_pause_seconds=0.001
)


def outcome_of(*errors: type[SourceError] | None, policy: RetryPolicy = PATIENT) -> str:
    """What becomes of calls that meet faults in turn, the last one for ever; None: no fault."""
    faults = itertools.chain(errors, itertools.repeat(errors[-1]))

    def ask(_deadline: float) -> str | Trouble:
        error = next(faults)
        wait = 0.0 if error is RateLimitedError else None
        return "good" if error is None else Trouble(error("a fault"), True, wait)

    return until_good(ask, policy, total_seconds=30)


@pytest.mark.parametrize(
    ("error", "attempts"), [(SourceUnavailableError, 3), (RateLimitedError, 9)]
)
def test_patience_with_the_limit_of_calls_is_its_own_and_bounded(
    error: type[SourceError], attempts: int
) -> None:
    """Being told to wait is no broken server; neither is waited for without end."""
    with pytest.raises(error, match=rf"tried {attempts} times"):
        outcome_of(error)


def test_without_a_patience_of_its_own_429_is_a_fault_like_others() -> None:
    """A snapshot is due in its hour."""
    policy = RetryPolicy(attempts=2, first_pause_seconds=0.001, longest_pause_seconds=0.001)

    with pytest.raises(RateLimitedError, match="tried 2 times"):
        outcome_of(RateLimitedError, policy=policy)


def test_a_storm_of_429_leaves_the_tries_for_other_faults() -> None:
    """Eight refusals and then two resets are two bad things, and each of them passes."""
    storm, resets = [RateLimitedError] * 8, [SourceUnavailableError] * 2

    assert "good" == outcome_of(*storm, *resets, None)
    with pytest.raises(SourceUnavailableError, match="tried 11 times"):
        outcome_of(*storm, *resets, SourceUnavailableError)


def test_no_patience_goes_beyond_the_deadline() -> None:
    """The bound of all calls and pauses together holds for 429 as well."""
    started = time.monotonic()

    with pytest.raises(RateLimitedError, match="tried"):
        until_good(
            lambda _deadline: Trouble(RateLimitedError("a fault"), True, 0.05),
            RetryPolicy(attempts=3, attempts_when_limited=1000, first_pause_seconds=0.001),
            total_seconds=0.3,
        )

    assert time.monotonic() - started < 1


@pytest.mark.parametrize(("attempt", "least", "most"), [(1, 0.5, 1.5), (2, 1, 3), (9, 3, 3)])
def test_pauses_double_within_their_bounds(attempt: int, least: float, most: float) -> None:
    """An outage is not made worse by those who wait for its end."""
    pauses = [pause_seconds(POLICY, attempt, None) for _ in range(200)]

    assert least <= min(pauses) <= max(pauses) <= most


def test_pauses_differ_by_chance() -> None:
    """Else all clients of an outage come back in the same instant."""
    assert 190 < len({pause_seconds(POLICY, 1, None) for _ in range(200)})


def test_what_the_server_asks_for_is_waited_and_little_more() -> None:
    """Earlier would be refused again."""
    pauses = [pause_seconds(POLICY, 3, 7) for _ in range(200)]

    assert 7 <= min(pauses) <= max(pauses) <= 8
