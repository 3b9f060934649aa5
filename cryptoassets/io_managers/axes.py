"""Ticks at round numbers and round times, for the axes of charts.

What goes here: which values get a tick, and how they are written. What stays out: drawing.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

_INTERVALS = 4
"""A value axis has about this many intervals between ticks."""
_TIMES = 6
"""A time axis has at most this many ticks."""
_DAY = timedelta(days=1)
_TIME_STEPS = (
    *(timedelta(minutes=minutes) for minutes in (1, 2, 5, 10, 15, 30, 60, 120, 180, 360, 720)),
    *(_DAY * days for days in (1, 2, 4, 7, 14, 28, 56, 91, 182, 364)),
)
_YEAR = timedelta(days=365)
_ROUNDING = 1e-9
"""Smaller relative differences are floating-point errors: 1.1 - 1 is not exactly 0.1."""


@dataclass(frozen=True)
class Ticks:
    """The values of an axis's ticks, lowest first, and the number format of the labels.

    Attributes:
        decimals: digits after the decimal point; enough for the labels of all ticks to differ.
        is_signed: whether positive values are written with `+`, because they are changes.
    """

    values: tuple[float, ...]
    decimals: int
    is_signed: bool

    @property
    def low(self) -> float:
        """Lower end of the axis."""
        return self.values[0]

    @property
    def high(self) -> float:
        """Upper end of the axis."""
        return self.values[-1]

    @classmethod
    def for_values(cls, values: Sequence[float], *, is_signed: bool) -> "Ticks":
        """A format without ticks, for a chart without a value axis.

        The largest value is written with at least three significant digits.
        """
        largest = max(abs(value) for value in values) or 1
        return cls((), max(0, 2 - math.floor(math.log10(largest))), is_signed)

    def text(self, value: float, further_decimals: int = 0) -> str:
        """Write a value with thousands separators and without an exponent; zero has no sign."""
        decimals = self.decimals + further_decimals
        rounded = round(value, decimals) or 0.0
        sign = "+" if self.is_signed and rounded else ""
        return f"{rounded:{sign},.{decimals}f}"


def round_ticks(values: Sequence[float]) -> Ticks:
    """Ticks at round numbers that enclose all values.

    The labels are signed if a value is exactly zero, because the values are then changes since a
    start.
    """
    low, high = min(values), max(values)
    if high - low <= _ROUNDING * max(abs(low), abs(high)):
        half = abs(low) / 100 or 1.0
        low, high = low - half, high + half
    rough = (high - low) / _INTERVALS * (1 - _ROUNDING)
    power = 10.0 ** math.floor(math.log10(rough))
    step = next(power * factor for factor in (1, 2, 2.5, 5, 10) if power * factor >= rough)
    first, last = math.floor(low / step + _ROUNDING), math.ceil(high / step - _ROUNDING)
    decimals = max(0, -math.floor(math.log10(step)))
    if round(step, decimals) != round(step, decimals + 1):
        decimals += 1
    ticks = tuple(number * step for number in range(first, last + 1))
    return Ticks(ticks, decimals, is_signed=0.0 in values)


def time_ticks(first: datetime, last: datetime) -> list[datetime]:
    """Return the round times in UTC from `first` to `last`; if there are none, only `first`."""
    span = last - first
    step = next((one for one in _TIME_STEPS if span / one < _TIMES), _TIME_STEPS[-1])
    origin = datetime(2018, 1, 1, tzinfo=UTC)
    number = math.ceil((first - origin) / step)
    ticks = []
    while (time := origin + number * step) <= last:
        ticks.append(time)
        number += 1
    return ticks or [first]


def time_label(time: datetime, span: timedelta) -> str:
    """Write a time as precisely as an axis of this span needs: from minutes to months."""
    if span <= _DAY:
        return f"{time:%H:%M}"
    if span < 3 * _DAY:
        return f"{time:%-d %b %H:%M}"
    return f"{time:%-d %b}" if span < _YEAR else f"{time:%b %Y}"
