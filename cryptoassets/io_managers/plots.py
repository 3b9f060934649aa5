"""A small chart of the published rows, for the page of the materialization in Dagster.

What goes here: one function per table with a chart. What stays out: numbers (in `metadata`), shapes
(in `drawing`). Charts are optional; the numbers are enough to judge a run.
"""

import base64
from collections.abc import Callable

import dagster as dg
import pyarrow as pa
import pyarrow.compute as pc

from cryptoassets.io_managers.drawing import bar_chart, line_chart
from cryptoassets.schemas import COIN_DAILY, COIN_PRICES, Table

_LARGEST = 5
_BARS = 5


def plot_of(table: Table, rows: pa.Table) -> dg.MarkdownMetadataValue | None:
    """A chart of a table's rows as Markdown; None if there is nothing to show."""
    draw = _PLOTS.get(table.full_name)
    picture = draw(rows) if draw and rows.num_rows else None
    if picture is None:
        return None
    encoded = base64.b64encode(picture).decode()
    return dg.MetadataValue.md(f"![{table.name}](data:image/svg+xml;base64,{encoded})")


def _prices(rows: pa.Table) -> bytes | None:
    """Prices of the largest coins in the hour, as percent of each coin's first price."""
    if len(pc.unique(rows["observed_at"])) == 1:
        return None
    ordered = rows.sort_by([("observed_at", "ascending")])
    lines = {}
    for coin in _largest_coins(ordered):
        of_coin = ordered.filter(pc.equal(ordered["coin_id"], coin))
        prices = of_coin["price_usd"].cast(pa.float64()).to_pylist()
        percents = [price / prices[0] * 100 for price in prices] if prices[0] else []
        if percents:
            lines[coin] = list(zip(of_coin["observed_at"].to_pylist(), percents, strict=True))
    return line_chart(lines, "% of first price") if lines else None


def _largest_coins(ordered: pa.Table) -> list[str]:
    newest = ordered.filter(pc.equal(ordered["observed_at"], ordered["observed_at"][-1]))
    by_rank: list[str] = newest.sort_by([("rank", "ascending")])["coin_id"].to_pylist()
    return by_rank[:_LARGEST]


def _returns(rows: pa.Table) -> bytes | None:
    """The largest gainers and losers of the day, in percent."""
    known = rows.filter(pc.is_valid(rows["return_pct"])).sort_by([("return_pct", "descending")])
    if known.num_rows < 2 * _BARS:
        return None
    shown = pa.concat_tables([known.slice(0, _BARS), known.slice(known.num_rows - _BARS)])
    returns = shown["return_pct"].cast(pa.float64()).to_pylist()
    bars = zip(shown["coin_id"].to_pylist(), returns, strict=True)
    return bar_chart(list(bars), "return of the day, %")


_PLOTS: dict[str, Callable[[pa.Table], bytes | None]] = {
    COIN_PRICES.full_name: _prices,
    COIN_DAILY.full_name: _returns,
}
