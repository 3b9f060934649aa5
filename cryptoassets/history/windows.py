"""Which windows of history to request, and what they cost: the arithmetic of grids and windows.

What goes here: pure calculations, in whole milliseconds or aware times. What stays out: calls (in
`fetch`), earlier requests (in `book`).
"""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from cryptoassets.coincap.credits import Budget, estimated_credits
from cryptoassets.coincap.protocol import (
    HISTORY_ROUTE,
    LONGEST_WINDOW_MS,
    epoch_ms,
    from_epoch_ms,
)
from cryptoassets.partitions.spans import Span
from cryptoassets.schemas import INTERVAL_MS

LAG = timedelta(minutes=30)
"""Age from which a point can be expected: CoinCap's newest points are 8 to 20 minutes old."""
MOST_HALVINGS = 5
"""How often a refused window is halved before the coin counts as failed."""
CHEAP_POINTS = 18
"""Number of points that cost one credit: gaps closer than this are requested in one call."""


def step_of(interval: str) -> timedelta:
    """Return the distance between two points."""
    return timedelta(milliseconds=INTERVAL_MS[interval])


def longest_window(interval: str) -> timedelta:
    """Return the longest window of one call, as far as known; see `LONGEST_WINDOW_MS`."""
    return timedelta(milliseconds=LONGEST_WINDOW_MS[interval])


def on_grid(moment: datetime, interval: str) -> datetime:
    """Return the first point of the grid at or after a time."""
    step = INTERVAL_MS[interval]
    return from_epoch_ms(-(-epoch_ms(moment) // step) * step)


def closed_until(now: datetime, interval: str) -> datetime:
    """Return the end of what can be requested: one step after the newest expected point."""
    step = INTERVAL_MS[interval]
    return from_epoch_ms(epoch_ms(now - LAG) // step * step + step)


def windows(spans: Iterable[Span], longest: timedelta) -> list[Span]:
    """Split spans into adjacent windows of at most the longest length."""
    parts: list[Span] = []
    for start, end in spans:
        count = -(-(end - start) // longest)
        starts = [start + number * longest for number in range(count)]
        parts += [Span(begin, min(end, begin + longest)) for begin in starts]
    return parts


def points_in(spans: Iterable[Span], interval: str) -> int:
    """Return the number of grid points in the spans."""
    step = step_of(interval)
    return sum(max(0, -(-(end - on_grid(start, interval)) // step)) for start, end in spans)


def price(asks: Sequence[Span], interval: str) -> int:
    """Return the credits that calls for these windows are expected to cost."""
    return sum(estimated_credits(HISTORY_ROUTE, max(1, points_in([ask], interval))) for ask in asks)


@dataclass(frozen=True)
class BackfillCost:
    """The expected cost of calls.

    Attributes:
        groups: number of coins by their (calls, credits).
        calls: calls of all coins.
        credits: credits of all coins, if the source charges them.
    """

    groups: Counter[tuple[int, int]]
    calls: int
    credits: int

    def months(self, budget: Budget) -> int | None:
        """Return how many calendar months the plan's credits need; 1: this one. None: no limit."""
        if not budget.is_limited:
            return None
        rest = self.credits - max(0, budget.left - budget.kept_from_history)
        whole_month = Budget(budget.monthly, 0, budget.month_start)
        per_month = max(1, budget.monthly - whole_month.kept_from_history)
        return 1 + max(0, -(-rest // per_month))


def backfill_cost(wanted: Mapping[str, Sequence[Span]], interval: str) -> BackfillCost:
    """Return the cost of the calls for the wanted spans, in windows of the longest length."""
    groups: Counter[tuple[int, int]] = Counter()
    for spans in wanted.values():
        asks = windows(spans, longest_window(interval))
        groups[len(asks), price(asks, interval)] += 1
    calls = sum(calls * coins for (calls, _), coins in groups.items())
    return BackfillCost(groups, calls, sum(cost * coins for (_, cost), coins in groups.items()))
