"""Which windows of history to ask for, and what they cost: the arithmetic of grids and windows.

What goes here: pure planning, in whole milliseconds or aware times. What stays out: calls (in
`fetch`), what has been asked before (in `book`).
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
"""Age from which a point can be expected: CoinCap's newest are 8 to 20 minutes old."""
MOST_HALVINGS = 5
"""How often a refused window is halved before the coin counts as failed."""
CHEAP_POINTS = 18
"""Points that cost one credit: holes closer than this are asked for by one call."""


def step_of(interval: str) -> timedelta:
    """Distance between two points."""
    return timedelta(milliseconds=INTERVAL_MS[interval])


def longest_window(interval: str) -> timedelta:
    """Longest window of one call, as far as is known; see `LONGEST_WINDOW_MS`."""
    return timedelta(milliseconds=LONGEST_WINDOW_MS[interval])


def on_grid(moment: datetime, interval: str) -> datetime:
    """The first point of the grid that is not before a moment."""
    step = INTERVAL_MS[interval]
    return from_epoch_ms(-(-epoch_ms(moment) // step) * step)


def closed_until(now: datetime, interval: str) -> datetime:
    """The end of what can be asked for: one step after the newest point that must be there."""
    step = INTERVAL_MS[interval]
    return from_epoch_ms(epoch_ms(now - LAG) // step * step + step)


def windows(spans: Iterable[Span], longest: timedelta) -> list[Span]:
    """Cut spans into windows of at most the longest length, which touch."""
    made: list[Span] = []
    for start, end in spans:
        count = -(-(end - start) // longest)
        starts = [start + number * longest for number in range(count)]
        made += [Span(begin, min(end, begin + longest)) for begin in starts]
    return made


def points_in(spans: Iterable[Span], interval: str) -> int:
    """How many points of the grid lie in spans, count."""
    step = step_of(interval)
    return sum(max(0, -(-(end - on_grid(start, interval)) // step)) for start, end in spans)


def price(asks: Sequence[Span], interval: str) -> int:
    """Credits that calls for these windows are expected to cost."""
    return sum(estimated_credits(HISTORY_ROUTE, max(1, points_in([ask], interval))) for ask in asks)


@dataclass(frozen=True)
class Bill:
    """What calls are expected to cost.

    Attributes:
        groups: (calls, credits) of a coin to how many coins cost that.
        calls: of all coins.
        credits: of all coins, were they metered.
    """

    groups: Counter[tuple[int, int]]
    calls: int
    credits: int

    def months(self, budget: Budget) -> int | None:
        """Calendar months that it takes at the plan; 1: it fits in this one. None: no limit."""
        if not budget.is_limited:
            return None
        rest = self.credits - max(0, budget.left - budget.kept_from_history)
        whole_month = Budget(budget.monthly, 0, budget.month_start)
        a_month = max(1, budget.monthly - whole_month.kept_from_history)
        return 1 + max(0, -(-rest // a_month))


def bill(wanted: Mapping[str, Sequence[Span]], interval: str) -> Bill:
    """Price the calls for what is wanted, in windows of the longest length."""
    groups: Counter[tuple[int, int]] = Counter()
    for spans in wanted.values():
        asks = windows(spans, longest_window(interval))
        groups[len(asks), price(asks, interval)] += 1
    calls = sum(calls * coins for (calls, _), coins in groups.items())
    return Bill(groups, calls, sum(cost * coins for (_, cost), coins in groups.items()))
