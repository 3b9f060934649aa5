"""The chart of a coin's price, with gaps and quarantined documents.

What goes here: where the line is interrupted, and where rejected documents are marked. What stays
out: the other charts of the page (in `views.coin`).
"""

import json
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from decimal import Decimal, InvalidOperation
from html import escape
from itertools import pairwise
from statistics import median
from typing import Any

import plotly.graph_objects as go
import streamlit as st

from cryptoassets.dashboard import charts, figures
from cryptoassets.dashboard.reader import Reader
from cryptoassets.dashboard.reading import Row

_PAUSE = 3
"""The line is interrupted between points more than this many median intervals apart."""
_MIN_PAUSE = timedelta(minutes=15)
_MAX_TEXT_LENGTH = 60


def show_price(
    prices: Sequence[Row], gaps: Sequence[Row], quarantine: Sequence[Row], reader: Reader
) -> None:
    """Add the chart to the page."""
    known = [row for row in prices if row["price"] is not None]
    if not known:
        st.caption("No prices in this range.")
        return
    times, amounts, texts = _with_pauses(known, reader)
    traces: list[Any] = [charts.line(times, amounts, texts, "price", connectgaps=False)]
    if len(known) == 1:
        traces[0].mode = "markers"
    rejected = _rejected(quarantine, [row["price"] for row in known], reader)
    if rejected is not None:
        traces.append(rejected)
    shapes = [
        {
            "type": "rect",
            "xref": "x",
            "yref": "paper",
            "x0": reader.local(gap["gap_start"]),
            "x1": reader.local(gap["gap_end"]),
            "y0": 0,
            "y1": 1,
            "fillcolor": charts.NEUTRAL,
            "opacity": 0.22,
            "line": {"width": 0},
        }
        for gap in gaps
    ]
    charts.show(traces, prefix=figures.symbol(reader.currency), shapes=shapes)
    st.caption(_legend(gaps, quarantine))


def _legend(gaps: Sequence[Row], quarantine: Sequence[Row]) -> str:
    words = ["The line is interrupted where prices are missing."]
    if gaps:
        words.append(
            f"Grey: gaps in the history ({len(gaps)}); `cryptoassets backfill --gaps` fills them."
        )
    if quarantine:
        words.append(f"Crosses: quarantined documents ({len(quarantine)}).")
    return " ".join(words)


def _with_pauses(
    rows: Sequence[Row], reader: Reader
) -> tuple[list[datetime], list[Decimal | None], list[str]]:
    """Return the points of the line; a point without a price in each pause interrupts the line."""
    distances = [after["observed_at"] - before["observed_at"] for before, after in pairwise(rows)]
    longest = max(median(distances) * _PAUSE, _MIN_PAUSE) if distances else _MIN_PAUSE
    times: list[datetime] = []
    amounts: list[Decimal | None] = []
    texts: list[str] = []
    for row, distance in zip(rows, [timedelta(), *distances], strict=True):
        if distance > longest:
            times.append(reader.local(row["observed_at"] - distance / 2))
            amounts.append(None)
            texts.append("")
        times.append(reader.local(row["observed_at"]))
        amounts.append(row["price"])
        texts.append(f"{figures.price(row['price'], reader.currency)} ({row['origin']})")
    return times, amounts, texts


def _rejected(
    quarantine: Sequence[Row], shown: Sequence[Decimal], reader: Reader
) -> go.Scatter | None:
    """Return a cross per rejected price; out-of-range prices are marked at the line's minimum."""
    times, heights, texts = [], [], []
    for row in quarantine:
        time = _time_of(row["raw_id"])
        if time is None:
            continue
        sent, amount = _price_of(row["payload"])
        # Rejected prices are in dollars and are not converted, so their positions are only
        # approximate if the chart shows another currency.
        is_inside = amount is not None and min(shown) <= amount <= max(shown)
        times.append(reader.local(time))
        heights.append(amount if amount is not None and is_inside else min(shown))
        texts.append(f"{', '.join(row['reasons'])}<br>sent: {sent}")
    if not times:
        return None
    return go.Scatter(
        x=times,
        y=charts.plotted(heights),
        mode="markers",
        name="quarantined",
        marker={"symbol": "x", "size": 9, "color": charts.LOSS},
        text=texts,
        hovertemplate="%{x|%-d %b %Y, %H:%M}<br>%{text}<extra>quarantined</extra>",
    )


def _time_of(raw_id: str) -> datetime | None:
    """The time in a raw document's id: `<coin>@<time>@<hash>`."""
    try:
        time = datetime.fromisoformat(raw_id.rsplit("@", 2)[-2])
    except (IndexError, ValueError):
        return None
    return time if time.tzinfo else time.replace(tzinfo=UTC)


def _price_of(payload: str | None) -> tuple[str, Decimal | None]:
    """Return a document's price as text and as a number (None if the text is not a number)."""
    try:
        document = json.loads(payload or "", parse_float=str, parse_int=str)
    except ValueError:
        return "a document that cannot be shown", None
    sent = document.get("priceUsd") if isinstance(document, dict) else None
    # The text comes from outside, and Plotly would interpret HTML tags in it.
    shown = escape(str(sent)[:_MAX_TEXT_LENGTH])
    try:
        amount = Decimal(str(sent))
    except InvalidOperation:
        return shown, None
    return shown, amount if amount.is_finite() else None
