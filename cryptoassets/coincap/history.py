"""Which stretches of history to ask for: the arithmetic of ranges, grids and windows.

What goes here: pure planning, in whole milliseconds or aware times. What stays out: calls (in
`client`), what has been asked before (kept by `resources.history`).

A range is a pair (start, end) of aware times, the start included, the end not.
"""

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta

from cryptoassets.coincap.credits import estimated_credits
from cryptoassets.coincap.protocol import (
    HISTORY_ROUTE,
    LONGEST_WINDOW_MS,
    epoch_ms,
    from_epoch_ms,
)
from cryptoassets.schemas import INTERVAL_MS

Range = tuple[datetime, datetime]

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


def without(wanted: Range, known: Iterable[Range]) -> list[Range]:
    """Cut known ranges out of a wanted one; what is left, oldest first."""
    start, end = wanted
    left: list[Range] = []
    for known_start, known_end in sorted(known):
        if known_start >= end:
            break
        if known_start > start:
            left.append((start, known_start))
        start = max(start, known_end)
    if start < end:
        left.append((start, end))
    return left


def within(ranges: Iterable[Range], bounds: Range) -> list[Range]:
    """The parts of ranges that lie within bounds."""
    cut = ((max(start, bounds[0]), min(end, bounds[1])) for start, end in ranges)
    return [(start, end) for start, end in cut if start < end]


def joined(ranges: Iterable[Range], nearer_than: timedelta = timedelta(0)) -> list[Range]:
    """Join ranges that overlap, touch, or are not farther apart than said; oldest first."""
    made: list[Range] = []
    for start, end in sorted(ranges):
        if made and start - made[-1][1] <= nearer_than:
            made[-1] = (made[-1][0], max(made[-1][1], end))
        else:
            made.append((start, end))
    return made


def windows(ranges: Iterable[Range], longest: timedelta) -> list[Range]:
    """Cut ranges into windows of at most the longest length, which touch."""
    made: list[Range] = []
    for start, end in ranges:
        count = -(-(end - start) // longest)
        starts = [start + number * longest for number in range(count)]
        made += [(begin, min(end, begin + longest)) for begin in starts]
    return made


def points_in(ranges: Iterable[Range], interval: str) -> int:
    """How many points of the grid lie in ranges, count."""
    step = step_of(interval)
    return sum(max(0, -(-(end - on_grid(start, interval)) // step)) for start, end in ranges)


def price(asks: Sequence[Range], interval: str) -> int:
    """Credits that calls for these windows are expected to cost."""
    return sum(estimated_credits(HISTORY_ROUTE, max(1, points_in([ask], interval))) for ask in asks)
