"""Plotly charts that are readable in light and dark mode, on a large screen and on a phone.

What goes here: how charts look. What stays out: which values they show. Values are rounded as
decimals before they become floats; hover texts are made from the decimals.
"""

import time
from collections.abc import Mapping, Sequence
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any

import plotly.graph_objects as go
import streamlit as st

from cryptoassets.dashboard import figures

COLORS = ("#4f8ef7", "#f59e42", "#1f9d55", "#a970f0", "#e25c9b", "#17a2a8")
GAIN, LOSS, NEUTRAL = "#1f9d55", "#e05252", "#8b95a5"
_GRID = "rgba(128, 128, 128, 0.18)"
_DIGITS = 7
_NUMBERS_FIRST_SECONDS = 0.3
_FEW_DAYS = 8
"""With fewer days than this, each day gets a tick. Plotly's default would add ticks at noon."""
_DAY, _MONTH = 86_400_000, "M1"
_ONE_DAY = timedelta(days=1)
_DOT = 7
_TIME_FORMATS = [
    {"dtickrange": [None, _DAY - 1], "value": "%H:%M\n%-d %b"},
    {"dtickrange": [_DAY, _MONTH], "value": "%-d %b\n%Y"},
    {"dtickrange": [_MONTH, None], "value": "%b\n%Y"},
]
_LEGEND = {"orientation": "h", "y": 1.02, "yanchor": "bottom", "x": 0}

Times = Sequence[date | datetime]
Amounts = Sequence[Decimal | None]


def plotted(amounts: Amounts) -> list[float | None]:
    """Return floats for the browser, rounded to seven digits to hide binary rounding errors."""
    return [None if one is None else float(f"{one:.{_DIGITS}g}") for one in amounts]


def line(
    times: Times, amounts: Amounts, texts: Sequence[str], name: str = "", **options: Any
) -> go.Scatter:
    """Return a line, interrupted at None. Hovering over a point shows its text."""
    color = options.pop("color", COLORS[0])
    return go.Scatter(
        x=list(times),
        y=plotted(amounts),
        text=list(texts),
        name=name,
        mode=options.pop("mode", "lines"),
        line={"color": color, "width": 2, **options.pop("line", {})},
        hovertemplate=f"%{{x|%-d %b %Y, %H:%M}}<br><b>%{{text}}</b><extra>{name}</extra>",
        **options,
    )


def daily_line(
    days: Sequence[date], amounts: Amounts, texts: Sequence[str], name: str = "", **options: Any
) -> go.Scatter:
    """Return a line with one point per day, interrupted where a day is missing.

    A day whose neighbours are both missing is drawn as a dot, because a line needs two points.

    Args:
        days: the days that have an amount, in order.
        amounts: one amount per day.
        texts: one text per day, shown when hovering over its point.
        name: the line's name in the legend.
        options: further options of `line`.
    """
    known = {
        day: (amount, text)
        for day, amount, text in zip(days, amounts, texts, strict=True)
        if amount is not None
    }
    span = range((days[-1] - days[0]).days + 1) if days else range(0)
    drawn = [days[0] + timedelta(days=number) for number in span]
    points = [known.get(day, (None, "")) for day in drawn]
    sizes = [0 if {day - _ONE_DAY, day + _ONE_DAY} & known.keys() else _DOT for day in drawn]
    dots = {"mode": "lines+markers", "marker": {"size": sizes, "opacity": 1}} if any(sizes) else {}
    return line(
        drawn,
        [amount for amount, _ in points],
        [text for _, text in points],
        name,
        connectgaps=False,
        **dots,
        **options,
    )


def bars(times: Times, amounts: Amounts, texts: Sequence[str], name: str, color: str) -> go.Bar:
    """Return one bar per time."""
    return go.Bar(
        x=list(times),
        y=plotted(amounts),
        hovertext=list(texts),
        name=name,
        marker={"color": color},
        hovertemplate=f"%{{x}}<br><b>%{{hovertext}}</b><extra>{name}</extra>",
    )


def candles(starts: Times, rows: Sequence[Mapping[str, Any]], currency: str) -> list[Any]:
    """Return candles; those with less than half of their expected points are drawn faint."""
    groups: tuple[tuple[str, bool, float], ...] = (("candle", False, 1.0), ("thin", True, 0.35))
    drawn = []
    for name, is_thin, opacity in groups:
        chosen = [
            (start, row)
            for start, row in zip(starts, rows, strict=True)
            if (2 * row["points"] < row["points_expected"]) == is_thin
        ]
        if not chosen:
            continue
        prices = {
            name: plotted([row[name] for _, row in chosen])
            for name in ("open", "high", "low", "close")
        }
        drawn.append(
            go.Candlestick(
                x=[start for start, _ in chosen],
                **prices,
                name="less than half of the expected points" if is_thin else name,
                opacity=opacity,
                increasing={"line": {"color": GAIN, "width": 1}, "fillcolor": GAIN},
                decreasing={"line": {"color": LOSS, "width": 1}, "fillcolor": LOSS},
                text=[_candle_text(row, currency) for _, row in chosen],
                hoverinfo="x+text",
                showlegend=is_thin,
            )
        )
    return drawn


def _candle_text(row: Mapping[str, Any], currency: str) -> str:
    words = [f"{name} {figures.price(row[name], currency)}" for name in ("open", "high", "low")]
    points = f"{row['points']} of {row['points_expected']} points, {row['source']}"
    return "<br>".join([*words, f"<b>close {figures.price(row['close'], currency)}</b>", points])


def show_numbers_first() -> None:
    """Wait a moment when a reader opens the first page, so that numbers appear before charts.

    The browser draws everything that arrives together in one step, and its first chart takes a
    second. Without the pause, the numbers would appear only with the chart.
    """
    if "has_numbers" not in st.session_state:
        st.session_state["has_numbers"] = True
        time.sleep(_NUMBERS_FIRST_SECONDS)


def show(traces: Sequence[Any], **options: Any) -> None:
    """Add a chart to the page; see `figure` for the options."""
    st.plotly_chart(
        figure(traces, **options),
        config={"displayModeBar": False, "displaylogo": False, "responsive": True},
    )


def figure(
    traces: Sequence[Any], *, unit: str = "", prefix: str = "", height: int = 320, **layout: Any
) -> go.Figure:
    """Return a chart of some traces.

    Args:
        traces: lines, bars or candles.
        unit: appended to each value on the y axis, e.g. " %".
        prefix: put before each value on the y axis, e.g. "$".
        height: in pixels.
        layout: further options for Plotly's layout.
    """
    has_names = sum(trace.showlegend is not False and bool(trace.name) for trace in traces) > 1
    xaxis = {
        "showgrid": False,
        "automargin": True,
        "nticks": 7,
        "tickformatstops": _TIME_FORMATS,
        "rangeslider": {"visible": False},
    }
    if _is_few_days(traces):
        xaxis["dtick"] = _DAY
    yaxis = {
        "gridcolor": _GRID,
        "zerolinecolor": _GRID,
        "ticksuffix": unit,
        "tickprefix": prefix,
        "automargin": True,
        "exponentformat": "none",
        "separatethousands": True,
        "nticks": 6,
    }
    # The whole layout is passed at once, because Plotly takes 10 ms to validate each later change.
    whole = {
        "height": height,
        "margin": {"l": 8, "r": 8, "t": 36 if has_names else 12, "b": 8},
        "showlegend": has_names,
        "legend": _LEGEND,
        "hovermode": "closest",
        "dragmode": False,
        "bargap": 0.15,
        **layout,
        "xaxis": xaxis | layout.get("xaxis", {}),
        "yaxis": yaxis | layout.get("yaxis", {}),
    }
    return go.Figure(list(traces), whole)


def _is_few_days(traces: Sequence[Any]) -> bool:
    places = {place for trace in traces for place in trace.x or ()}
    is_daily = not any(isinstance(place, datetime) for place in places)
    return 0 < len(places) < _FEW_DAYS and is_daily
