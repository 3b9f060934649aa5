"""A small picture of what was published, for the materialization's page in Dagster.

What goes here: one function a table that has something to see. What stays out: numbers (in
`metadata`); a picture is never needed to judge a run.
"""

import base64
import io
from collections.abc import Callable
from typing import TYPE_CHECKING

import dagster as dg
import pyarrow as pa
import pyarrow.compute as pc

from cryptoassets.schemas import COIN_DAILY, COIN_PRICES, Table

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_LARGEST = 5
_BARS = 5


def plot_of(table: Table, rows: pa.Table) -> dg.MarkdownMetadataValue | None:
    """A picture of the rows of a table as Markdown; None where there is nothing to see."""
    draw = _PLOTS.get(table.full_name)
    figure = draw(rows) if draw and rows.num_rows else None
    if figure is None:
        return None
    image = io.BytesIO()
    figure.savefig(image, format="png")
    encoded = base64.b64encode(image.getvalue()).decode()
    return dg.MetadataValue.md(f"![{table.name}](data:image/png;base64,{encoded})")


def _prices(rows: pa.Table) -> "Figure | None":
    """Prices of the largest coins in the hour, percent of each one's first."""
    if len(pc.unique(rows["observed_at"])) == 1:
        return None
    figure = _small_figure()
    axes = figure.subplots()
    ordered = rows.sort_by([("observed_at", "ascending")])
    for coin in _largest_coins(ordered):
        of_coin = ordered.filter(pc.equal(ordered["coin_id"], coin))
        prices = of_coin["price_usd"].cast(pa.float64()).to_numpy()
        axes.plot(of_coin["observed_at"].to_pylist(), prices / prices[0] * 100, label=coin)
    axes.set_ylabel("% of first price")
    axes.legend(fontsize=7)
    axes.tick_params(labelsize=7)
    return figure


def _largest_coins(ordered: pa.Table) -> list[str]:
    newest = ordered.filter(pc.equal(ordered["observed_at"], ordered["observed_at"][-1]))
    by_rank: list[str] = newest.sort_by([("rank", "ascending")])["coin_id"].to_pylist()
    return by_rank[:_LARGEST]


def _returns(rows: pa.Table) -> "Figure | None":
    """The largest losers and gainers of the day, percent."""
    known = rows.filter(pc.is_valid(rows["return_pct"])).sort_by([("return_pct", "ascending")])
    if known.num_rows < 2 * _BARS:
        return None
    shown = pa.concat_tables([known.slice(0, _BARS), known.slice(known.num_rows - _BARS)])
    returns = shown["return_pct"].cast(pa.float64()).to_pylist()
    figure = _small_figure()
    axes = figure.subplots()
    colors = ["firebrick" if value < 0 else "seagreen" for value in returns]
    axes.barh(shown["coin_id"].to_pylist(), returns, color=colors)
    axes.set_xlabel("return of the day, %")
    axes.tick_params(labelsize=7)
    return figure


def _small_figure() -> "Figure":
    # Here, for its import writes a font cache into the user's home: loading definitions must not.
    from matplotlib.figure import Figure  # noqa: PLC0415

    return Figure(figsize=(5, 2.2), dpi=80, layout="constrained")


_PLOTS: dict[str, Callable[[pa.Table], "Figure | None"]] = {
    COIN_PRICES.full_name: _prices,
    COIN_DAILY.full_name: _returns,
}
