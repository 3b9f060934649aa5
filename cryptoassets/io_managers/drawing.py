"""Two kinds of small charts as SVG, which every browser can display.

What goes here: shapes and positions. What stays out: what is drawn (in `plots`). matplotlib is not
used because importing it takes longer than publishing 100 coins.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime
from xml.etree import ElementTree as ET

_WIDTH, _HEIGHT = 480, 200
_LEFT, _RIGHT, _TOP, _BOTTOM = 56, 360, 12, 164
"""Edges of the line chart; the names of the lines are to its right."""
_MIDDLE = 300
"""Position of zero in a bar chart."""
_LONGEST_BAR = 120
_ROW = 15
_COLORS = ("#1f77b4", "#d62728", "#2ca02c", "#9467bd", "#ff7f0e")
_LOSS, _GAIN, _GREY = "#b22222", "#2e8b57", "#999999"
_LONGEST_NAME = 20

Points = Sequence[tuple[datetime, float]]


def line_chart(lines: Mapping[str, Points], title: str) -> bytes:
    """Draw one line over time per name; each has at least one point, in order of time."""
    points = [point for line in lines.values() for point in line]
    first, last = min(time for time, _ in points), max(time for time, _ in points)
    low, high = min(value for _, value in points), max(value for _, value in points)
    seconds, height = (last - first).total_seconds() or 1, (high - low) or 1

    def place(time: datetime, value: float) -> str:
        x = _LEFT + (time - first).total_seconds() / seconds * (_RIGHT - _LEFT)
        y = _BOTTOM - (value - low) / height * (_BOTTOM - _TOP)
        return f"{x:.1f},{y:.1f}"

    chart = _chart(title)
    for y, value in ((_BOTTOM, low), ((_BOTTOM + _TOP) / 2, (low + high) / 2), (_TOP, high)):
        _line(chart, _LEFT, y, _RIGHT, y)
        _text(chart, _LEFT - 4, y + 3, f"{value:.2f}", "end")
    for x, time in ((_LEFT, first), (_RIGHT, last)):
        _text(chart, x, _BOTTOM + 14, f"{time:%H:%M}", "middle")
    for number, (name, line) in enumerate(lines.items()):
        color = _COLORS[number % len(_COLORS)]
        places = " ".join(place(*point) for point in line)
        _shape(chart, "polyline", points=places, fill="none", stroke=color)
        _text(chart, _RIGHT + 8, _TOP + 8 + number * _ROW, name, "start", color)
    return ET.tostring(chart)


def bar_chart(bars: Sequence[tuple[str, float]], title: str) -> bytes:
    """Draw one bar per row to the left or right of zero, with its name and value."""
    longest = max(abs(value) for _, value in bars) or 1
    chart = _chart(title)
    for number, (name, value) in enumerate(bars):
        y = _TOP + number * _ROW
        width = abs(value) / longest * _LONGEST_BAR
        left, color = (_MIDDLE - width, _LOSS) if value < 0 else (_MIDDLE, _GAIN)
        _text(chart, _MIDDLE - _LONGEST_BAR - 8, y + 9, name, "end")
        _shape(chart, "rect", x=left, y=y, width=width, height=_ROW - 4, fill=color)
        _text(chart, _MIDDLE + _LONGEST_BAR + 4, y + 9, f"{value:+.2f}", "start")
    _line(chart, _MIDDLE, _TOP - 4, _MIDDLE, _TOP + len(bars) * _ROW)
    return ET.tostring(chart)


def _chart(title: str) -> ET.Element:
    size = {"width": str(_WIDTH), "height": str(_HEIGHT), "viewBox": f"0 0 {_WIDTH} {_HEIGHT}"}
    fonts = {"font-family": "sans-serif", "font-size": "10"}
    chart = ET.Element("svg", {"xmlns": "http://www.w3.org/2000/svg", **size, **fonts})
    # Without a background the chart is unreadable on dark pages.
    _shape(chart, "rect", width=_WIDTH, height=_HEIGHT, fill="white")
    _text(chart, (_LEFT + _RIGHT) / 2, _HEIGHT - 8, title, "middle")
    return chart


def _shape(chart: ET.Element, kind: str, **attributes: object) -> ET.Element:
    named = {
        name.replace("_", "-"): f"{value:.1f}" if isinstance(value, float) else str(value)
        for name, value in attributes.items()
    }
    return ET.SubElement(chart, kind, named)


def _line(chart: ET.Element, x1: float, y1: float, x2: float, y2: float) -> None:
    _shape(chart, "line", x1=x1, y1=y1, x2=x2, y2=y2, stroke=_GREY, stroke_width=0.5)


def _text(
    chart: ET.Element, x: float, y: float, words: str, anchor: str, color: str = "black"
) -> None:
    # Names of coins may contain characters that XML does not allow.
    shown = "".join(one if one.isprintable() else "?" for one in words[:_LONGEST_NAME])
    _shape(chart, "text", x=x, y=y, text_anchor=anchor, fill=color).text = shown
