"""Retries a call as long as its fault is temporary and attempts and time are left.

What goes here: pauses and their bounds. What stays out: which faults are temporary (in `verdicts`).
"""

import random
import time
from collections import Counter
from collections.abc import Callable
from typing import TypeVar

from cryptoassets.coincap.models import RetryPolicy
from cryptoassets.coincap.verdicts import CallFailure
from cryptoassets.errors import RateLimitedError, SourceError

T = TypeVar("T")
_RANDOM = random.SystemRandom()


def call_with_retries(
    ask: Callable[[float], T | CallFailure], policy: RetryPolicy, total_seconds: float
) -> T:
    """Return the first successful outcome.

    Args:
        ask: makes one call; receives the deadline as a `time.monotonic` value.
        policy: number of attempts and length of pauses.
        total_seconds: limit for all calls and pauses together.

    Raises:
        SourceError: the fault is permanent, the last attempt failed, or the next pause would end
            after the deadline.
    """
    deadline = time.monotonic() + total_seconds
    failures: Counter[bool] = Counter()
    while True:
        outcome = ask(deadline)
        if not isinstance(outcome, CallFailure):
            return outcome
        # Count 429s separately: they must not use up the attempts for a lost connection.
        is_limited = isinstance(outcome.error, RateLimitedError)
        failures[is_limited] += 1
        pause = pause_seconds(policy, failures[is_limited], outcome.wait_seconds)
        is_last = failures[is_limited] >= _max_attempts(policy, is_limited=is_limited)
        if not outcome.is_temporary or is_last or time.monotonic() + pause >= deadline:
            raise _with_attempts(outcome.error, failures.total())
        time.sleep(pause)


def pause_seconds(policy: RetryPolicy, attempt: int, asked_seconds: float | None) -> float:
    """Return how long to wait after a failed attempt.

    Args:
        policy: first and longest pause.
        attempt: number of the attempt, starting at 1.
        asked_seconds: how long the server asks to wait; None if it does not ask.
    """
    first = policy.first_pause_seconds
    if asked_seconds is not None:
        # Slightly longer than the server asks, so that clients do not all retry at the same time.
        return asked_seconds + _RANDOM.uniform(0, first)
    pause = first * 2.0 ** (attempt - 1) * _RANDOM.uniform(0.5, 1.5)
    return min(pause, policy.longest_pause_seconds)


def _max_attempts(policy: RetryPolicy, *, is_limited: bool) -> int:
    if is_limited and policy.attempts_when_limited is not None:
        return policy.attempts_when_limited
    return policy.attempts


def _with_attempts(error: SourceError, attempts: int) -> SourceError:
    if attempts > 1:
        error.args = (f"{error} (tried {attempts} times)",)
    return error
