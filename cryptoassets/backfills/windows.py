"""Calculates which windows of history to request, and what they cost.

What goes here: pure calculations with whole milliseconds or aware times. What stays out: calls (in
`fetch`), records of earlier calls (in `book`).
"""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from cryptoassets.coincap.credits import Budget, estimated_credits
from cryptoassets.coincap.protocol import (
    HISTORY_ROUTE,
    MAX_WINDOW_MS,
    epoch_ms,
    from_epoch_ms,
)
from cryptoassets.partitions.spans import Span
from cryptoassets.schemas import INTERVAL_MS

LAG = timedelta(minutes=30)
"""Points of this age are expected to exist: CoinCap's newest points are 8 to 20 minutes old."""
MAX_HALVINGS = 5
"""How often a refused window is halved before the coin counts as failed."""
CHEAP_POINTS = 18
"""This many points cost about one credit. If two gaps are at most this many points apart, one call
requests both, because a second call would cost at least as much as the points between them."""


def step_of(interval: str) -> timedelta:
    """Return the distance between two consecutive points."""
    return timedelta(milliseconds=INTERVAL_MS[interval])


def longest_window(interval: str) -> timedelta:
    """Return the longest window that one call can presumably request (see `MAX_WINDOW_MS`)."""
    return timedelta(milliseconds=MAX_WINDOW_MS[interval])


def on_grid(moment: datetime, interval: str) -> datetime:
    """Return the first point of the grid at or after a time."""
    step = INTERVAL_MS[interval]
    return from_epoch_ms(-(-epoch_ms(moment) // step) * step)


def closed_until(now: datetime, interval: str) -> datetime:
    """Return one step after the newest grid point that is at least `LAG` old.

    Points before this time are expected to exist.
    """
    step = INTERVAL_MS[interval]
    return from_epoch_ms(epoch_ms(now - LAG) // step * step + step)


def windows(spans: Iterable[Span], longest: timedelta) -> list[Span]:
    """Split spans into windows that are at most as long as `longest`."""
    parts: list[Span] = []
    for start, end in spans:
        count = -(-(end - start) // longest)
        starts = [start + index * longest for index in range(count)]
        parts += [Span(begin, min(end, begin + longest)) for begin in starts]
    return parts


def points_in(spans: Iterable[Span], interval: str) -> int:
    """Return the number of grid points in the spans."""
    step = step_of(interval)
    return sum(max(0, -(-(end - on_grid(start, interval)) // step)) for start, end in spans)


def price(call_windows: Sequence[Span], interval: str) -> int:
    """Return the credits that calls for these windows are expected to cost."""
    return sum(
        estimated_credits(HISTORY_ROUTE, max(1, points_in([ask], interval))) for ask in call_windows
    )


@dataclass(frozen=True)
class BackfillCost:
    """The expected cost of calls.

    Attributes:
        groups: maps (calls, credits) to the number of coins that need them.
        calls: number of calls for all coins.
        credits: credits for all coins, if the source charges any.
    """

    groups: Counter[tuple[int, int]]
    calls: int
    credits: int

    def months(self, budget: Budget) -> int | None:
        """Return how many calendar months the calls take; 1 means that this month is enough.

        None means that the plan has no limit.
        """
        if not budget.is_limited:
            return None
        rest = self.credits - max(0, budget.left - budget.kept_from_history)
        whole_month = Budget(budget.monthly, 0, budget.month_start)
        per_month = max(1, budget.monthly - whole_month.kept_from_history)
        return 1 + max(0, -(-rest // per_month))


def backfill_cost(wanted: Mapping[str, Sequence[Span]], interval: str) -> BackfillCost:
    """Return the cost of requesting the wanted spans in windows of maximum length."""
    groups: Counter[tuple[int, int]] = Counter()
    for spans in wanted.values():
        call_windows = windows(spans, longest_window(interval))
        groups[len(call_windows), price(call_windows, interval)] += 1
    calls = sum(calls * coins for (calls, _), coins in groups.items())
    return BackfillCost(groups, calls, sum(cost * coins for (_, cost), coins in groups.items()))
