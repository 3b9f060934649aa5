"""Three kinds of charts as SVG, which every browser can display.

What goes here: shapes and positions. What stays out: what is drawn (in `plots`), and the choice of
the ticks on the axes (in `axes`). matplotlib is not used because importing it takes longer than
publishing 100 coins.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from xml.etree import ElementTree as ET

from cryptoassets.io_managers.axes import Ticks, round_ticks, time_label, time_ticks

_WIDTH, _HEIGHT = 760, 360
_LEFT, _RIGHT, _TOP, _BOTTOM = 92, 540, 52, 306
"""Edges of a line chart's plot area; the lines' names are to the right of it."""
_TITLE, _MARGIN = 26, 16
_MIDDLE = 390
"""Position of zero in a bar chart with negative values."""
_ZERO_OF_SIZES = 200
"""Position of zero in a bar chart without negative values."""
_MAX_BAR_WIDTH = 190.0
_ROW = 26
_LABEL_HEIGHT = 17
_MAX_CANDLE_WIDTH = 24.0
_COLORS = ("#2563eb", "#c2410c", "#15803d", "#7e22ce", "#be185d")
_LOSS, _GAIN, _SIZE = "#c62828", "#2e7d32", "#2563eb"
_INK, _MUTED, _GRID = "#111827", "#4b5563", "#d1d5db"
_MAX_DOTS = 40
"""A line with more points than this is drawn without dots."""
_MAX_NAME_LENGTH = 20

Points = Sequence[tuple[datetime, float]]
Candle = tuple[datetime, float, float, float, float]
"""Start time, open, high, low, close."""


def line_chart(lines: Mapping[str, Points], title: str, unit: str) -> bytes:
    """Draw one line per name; the x axis is time.

    Args:
        lines: maps each name to at least one point, in order of time.
        title: what is shown.
        unit: appended to each value as is; include a leading space if needed.
    """
    moments = [time for line in lines.values() for time, _ in line]
    values = [value for line in lines.values() for _, value in line]
    chart = _chart(title, _HEIGHT)
    axes = _Axes(min(moments), max(moments), round_ticks(values), _RIGHT)
    axes.draw(chart, unit)
    x_of, y_of, ticks = axes.x_of, axes.y_of, axes.ticks
    ends = []
    for number, (name, line) in enumerate(lines.items()):
        color = _COLORS[number % len(_COLORS)]
        places = [(x_of(time), y_of(value)) for time, value in line]
        drawn = " ".join(f"{x:.1f},{y:.1f}" for x, y in places)
        _shape(chart, "polyline", points=drawn, fill="none", stroke=color, stroke_width=2)
        for x, y in places if len(places) <= _MAX_DOTS else []:
            _shape(chart, "circle", cx=x, cy=y, r=2.5, fill=color)
        ends.append((places[-1][1], name, f"{ticks.text(line[-1][1], 1)}{unit}", color))
    _names(chart, ends)
    return ET.tostring(chart)


def candle_chart(candles: Sequence[Candle], title: str, unit: str) -> bytes:
    """Draw candles; the x axis is time.

    Args:
        candles: at least two, all of the same length, in order of time.
        title: what is shown.
        unit: appended to each value as is; include a leading space if needed.
    """
    values = [value for candle in candles for value in candle[1:]]
    first, last = candles[0][0], candles[-1][0]
    right = _WIDTH - 3 * _MARGIN
    chart = _chart(title, _HEIGHT)
    axes = _Axes(first, last, round_ticks(values), right, inset=_MAX_CANDLE_WIDTH)
    axes.draw(chart, unit)
    half = min(_MAX_CANDLE_WIDTH / 2, (right - _LEFT) / len(candles) * 0.35)
    for time, opened, high, low, closed in candles:
        x, color = axes.x_of(time), _GAIN if closed >= opened else _LOSS
        top, bottom = axes.y_of(max(opened, closed)), axes.y_of(min(opened, closed))
        line = {"x1": x, "x2": x, "y1": axes.y_of(high), "y2": axes.y_of(low)}
        _shape(chart, "line", **line, stroke=color, stroke_width=1)
        height = max(1.0, bottom - top)
        _shape(chart, "rect", x=x - half, y=top, width=2 * half, height=height, fill=color)
    return ET.tostring(chart)


def bar_chart(bars: Sequence[tuple[str, float]], title: str, unit: str) -> bytes:
    """Draw one bar per name, labelled with name and value; negative bars point to the left."""
    longest = max(abs(value) for _, value in bars) or 1
    is_signed = any(value < 0 for _, value in bars)
    zero, space = (_MIDDLE, _MAX_BAR_WIDTH) if is_signed else (_ZERO_OF_SIZES, 2 * _MAX_BAR_WIDTH)
    ticks = Ticks.for_values([value for _, value in bars], is_signed=is_signed)
    bottom = _TOP + len(bars) * _ROW
    chart = _chart(title, bottom + _MARGIN)
    for number, (name, value) in enumerate(bars):
        y, width = _TOP + number * _ROW, abs(value) / longest * space
        left = zero - width if value < 0 else zero
        color = (_LOSS if value < 0 else _GAIN) if is_signed else _SIZE
        edge = zero - space if is_signed else zero
        _text(chart, edge - 12, y + 15, name, "end")
        _shape(chart, "rect", x=left, y=y + 2, width=width, height=_ROW - 6, fill=color)
        _text(chart, zero + space + 8, y + 15, f"{ticks.text(value)}{unit}", "start")
    _line(chart, zero, _TOP - 4, zero, bottom + 2)
    return ET.tostring(chart)


@dataclass(frozen=True)
class _Axes:
    """Positions of times and values.

    The first time is `inset` pixels to the right of the left edge, and the last time is at `right`.
    """

    first: datetime
    last: datetime
    ticks: Ticks
    right: float
    inset: float = 0.0

    def x_of(self, time: datetime) -> float:
        seconds = (self.last - self.first).total_seconds() or 1
        left = _LEFT + self.inset
        return left + (time - self.first).total_seconds() / seconds * (self.right - left)

    def y_of(self, value: float) -> float:
        share = (value - self.ticks.low) / (self.ticks.high - self.ticks.low)
        return _BOTTOM - share * (_BOTTOM - _TOP)

    def draw(self, chart: ET.Element, unit: str) -> None:
        """Draw a grid line per tick value and a tick per time, and write the period below."""
        span = self.last - self.first
        for value in self.ticks.values:
            y = self.y_of(value)
            _line(chart, _LEFT, y, self.right, y)
            _text(chart, _LEFT - 8, y + 4, f"{self.ticks.text(value)}{unit}", "end", _MUTED)
        for time in time_ticks(self.first, self.last):
            x = self.x_of(time)
            _line(chart, x, _BOTTOM, x, _BOTTOM + 5)
            _text(chart, x, _BOTTOM + 20, time_label(time, span), "middle", _MUTED)
        middle = (_LEFT + self.right) / 2
        _text(chart, middle, _BOTTOM + 42, _period(self.first, self.last), "middle", _MUTED)


def _period(first: datetime, last: datetime) -> str:
    """The first and the last day of a chart, or its only day."""
    start, end = f"{first:%-d %B %Y}", f"{last:%-d %B %Y}"
    return f"{start} (UTC)" if start == end else f"{start} to {end} (UTC)"


def _names(chart: ET.Element, ends: Sequence[tuple[float, str, str, str]]) -> None:
    """Write each line's name and last value next to its end, without overlaps."""
    ordered = sorted(ends)
    lowest = float(_TOP)
    for place, (y, name, value, color) in enumerate(ordered):
        below = (len(ordered) - place - 1) * _LABEL_HEIGHT
        lowest = max(lowest, min(y, _BOTTOM - below))
        _text(chart, _RIGHT + 10, lowest + 4, f"{name[:_MAX_NAME_LENGTH]} {value}", "start", color)
        lowest += _LABEL_HEIGHT


def _chart(title: str, height: float) -> ET.Element:
    size = {"width": str(_WIDTH), "height": str(height), "viewBox": f"0 0 {_WIDTH} {height}"}
    fonts = {"font-family": "system-ui, sans-serif", "font-size": "13"}
    chart = ET.Element("svg", {"xmlns": "http://www.w3.org/2000/svg", **size, **fonts})
    # Without a background the chart is unreadable on dark pages.
    _shape(chart, "rect", width=_WIDTH, height=height, fill="white")
    _text(chart, _MARGIN, _TITLE, title, "start").set("font-weight", "600")
    return chart


def _shape(chart: ET.Element, kind: str, **attributes: object) -> ET.Element:
    named = {
        name.replace("_", "-"): f"{value:.1f}" if isinstance(value, float) else str(value)
        for name, value in attributes.items()
    }
    return ET.SubElement(chart, kind, named)


def _line(chart: ET.Element, x1: float, y1: float, x2: float, y2: float) -> None:
    _shape(chart, "line", x1=x1, y1=y1, x2=x2, y2=y2, stroke=_GRID, stroke_width=1)


def _text(
    chart: ET.Element, x: float, y: float, text: str, anchor: str, color: str = _INK
) -> ET.Element:
    # Names of coins may contain characters that XML does not allow.
    shown = "".join(one if one.isprintable() else "?" for one in text)
    written = _shape(chart, "text", x=x, y=y, text_anchor=anchor, fill=color)
    written.text = shown
    return written
