"""Try a call again while the fault is a passing one and the deadline allows.

What goes here: pauses and their bounds. What stays out: which faults pass (in `verdicts`).
"""

import random
import time
from collections import Counter
from collections.abc import Callable
from typing import TypeVar

from cryptoassets.coincap.models import RetryPolicy
from cryptoassets.coincap.verdicts import Trouble
from cryptoassets.errors import RateLimitedError, SourceError

T = TypeVar("T")
_CHANCE = random.SystemRandom()


def until_good(ask: Callable[[float], T | Trouble], policy: RetryPolicy, total_seconds: float) -> T:
    """Return the first good outcome.

    Args:
        ask: makes one call; gets the deadline as time of `time.monotonic`.
        policy: how often, and how long between.
        total_seconds: bound of all calls and pauses together.

    Raises:
        SourceError: the trouble's own, when it is not a passing one, after the last attempt, or
            when the next pause would end beyond the deadline.
    """
    deadline = time.monotonic() + total_seconds
    met: Counter[bool] = Counter()
    while True:
        outcome = ask(deadline)
        if not isinstance(outcome, Trouble):
            return outcome
        # Counted apart: a storm of 429 must not use up the tries for a broken connection after it.
        is_limited = isinstance(outcome.error, RateLimitedError)
        met[is_limited] += 1
        pause = pause_seconds(policy, met[is_limited], outcome.wait_seconds)
        is_last = met[is_limited] >= _most(policy, is_limited=is_limited)
        if not outcome.is_passing or is_last or time.monotonic() + pause >= deadline:
            raise _with_attempts(outcome.error, met.total())
        time.sleep(pause)


def pause_seconds(policy: RetryPolicy, attempt: int, asked_seconds: float | None) -> float:
    """Return how long to wait after an attempt.

    Args:
        policy: first and longest pause.
        attempt: 1 for the first.
        asked_seconds: what the server asks for; None leaves it to us.
    """
    first = policy.first_pause_seconds
    if asked_seconds is not None:
        # Never earlier than asked; a little later, or all clients would come back at once.
        return asked_seconds + _CHANCE.uniform(0, first)
    pause = first * 2.0 ** (attempt - 1) * _CHANCE.uniform(0.5, 1.5)
    return min(pause, policy.longest_pause_seconds)


def _most(policy: RetryPolicy, *, is_limited: bool) -> int:
    if is_limited and policy.attempts_when_limited is not None:
        return policy.attempts_when_limited
    return policy.attempts


def _with_attempts(error: SourceError, attempts: int) -> SourceError:
    if attempts > 1:
        error.args = (f"{error} (tried {attempts} times)",)
    return error
