"""A small picture of what was published, for the materialization's page in Dagster.

What goes here: one function a table that has something to see. What stays out: numbers (in
`metadata`), shapes (in `drawing`); a picture is never needed to judge a run.
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
    """A picture of the rows of a table as Markdown; None where there is nothing to see."""
    draw = _PLOTS.get(table.full_name)
    picture = draw(rows) if draw and rows.num_rows else None
    if picture is None:
        return None
    encoded = base64.b64encode(picture).decode()
    return dg.MetadataValue.md(f"![{table.name}](data:image/svg+xml;base64,{encoded})")


def _prices(rows: pa.Table) -> bytes | None:
    """Prices of the largest coins in the hour, percent of each one's first."""
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
    """The largest losers and gainers of the day, percent."""
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
