"""A chart of the published rows, for the materialization's page in Dagster.

What goes here: one function per table that has a chart. What stays out: numbers (in `metadata`),
shapes (in `drawing`). Charts are optional; the numbers are enough to judge a run.
"""

import base64
from collections.abc import Callable
from datetime import UTC, date, datetime, time

import dagster as dg
import pyarrow as pa
import pyarrow.compute as pc

from cryptoassets.io_managers.drawing import bar_chart, candle_chart, line_chart
from cryptoassets.schemas import COIN_CANDLES, COIN_DAILY, COIN_PRICES, MARKET_DAILY, Table

_COINS_SHOWN = 5
_BARS = 5
_BILLION = 1e9


def plot_of(table: Table, rows: pa.Table) -> dg.MarkdownMetadataValue | None:
    """A chart of a table's rows as Markdown; None if there is nothing to show."""
    draw = _PLOTS.get(table.full_name)
    picture = draw(rows) if draw and rows.num_rows else None
    if picture is None:
        return None
    encoded = base64.b64encode(picture).decode()
    return dg.MetadataValue.md(f"![{table.name}](data:image/svg+xml;base64,{encoded})")


def _prices(rows: pa.Table) -> bytes | None:
    """The price changes of the largest coins, each since the coin's first price in the hour."""
    if len(pc.unique(rows["observed_at"])) == 1:
        return None
    ordered = rows.sort_by([("observed_at", "ascending")])
    lines = {}
    for coin in _largest_coins(ordered):
        of_coin = ordered.filter(pc.equal(ordered["coin_id"], coin))
        prices = _floats(of_coin["price_usd"])
        changes = [(price / prices[0] - 1) * 100 for price in prices] if prices[0] else []
        if changes:
            lines[coin] = list(zip(of_coin["observed_at"].to_pylist(), changes, strict=True))
    title = "Price of the largest coins: change since the first snapshot of the hour"
    return line_chart(lines, title, " %") if lines else None


def _largest_coins(ordered: pa.Table) -> list[str]:
    newest = ordered.filter(pc.equal(ordered["observed_at"], ordered["observed_at"][-1]))
    by_rank: list[str] = newest.sort_by([("rank", "ascending")])["coin_id"].to_pylist()
    return by_rank[:_COINS_SHOWN]


def _day_of_coins(rows: pa.Table) -> bytes | None:
    """The day's largest gainers and losers; without enough returns, the largest coins."""
    day = f"{rows['day'][0].as_py():%-d %B %Y} (UTC)"
    known = rows.filter(pc.is_valid(rows["return_pct"])).sort_by([("return_pct", "descending")])
    if known.num_rows >= 2 * _BARS:
        ends = pa.concat_tables([known.slice(0, _BARS), known.slice(known.num_rows - _BARS)])
        bars = zip(ends["coin_id"].to_pylist(), _floats(ends["return_pct"]), strict=True)
        title = f"Largest gains and losses on {day}, since the close of the day before"
        return bar_chart(list(bars), title, " %")
    by_cap = [("market_cap_usd", "descending"), ("coin_id", "ascending")]
    largest = rows.filter(pc.is_valid(rows["market_cap_usd"])).sort_by(by_cap).slice(0, 2 * _BARS)
    caps = [cap / _BILLION for cap in _floats(largest["market_cap_usd"])]
    names = largest["coin_id"].to_pylist()
    title = f"Largest coins by market cap on {day}; too few coins have returns"
    return bar_chart(list(zip(names, caps, strict=True)), title, " bn $") if caps else None


def _market(rows: pa.Table) -> bytes | None:
    """The market cap of all coins per day, up to the published day."""
    known = rows.filter(pc.is_valid(rows["market_cap_usd"])).sort_by("day")
    caps = [cap / _BILLION for cap in _floats(known["market_cap_usd"])]
    if len(caps) < 2:  # noqa: PLR2004 - a line has two ends
        return None
    days = [_midnight(day) for day in known["day"].to_pylist()]
    points = list(zip(days, caps, strict=True))
    return line_chart({"all coins": points}, "Market cap by day, billions of US dollars", " bn $")


def _candles(rows: pa.Table) -> bytes | None:
    """The hourly candles of Bitcoin, or of the coin with the most candles if Bitcoin has none."""
    hourly = rows.filter(pc.equal(rows["interval"], "h1"))
    coins = pc.value_counts(hourly["coin_id"]).to_pylist()
    if not coins:
        return None
    coin = max(coins, key=lambda one: (one["values"] == "bitcoin", one["counts"], one["values"]))
    chosen = hourly.filter(pc.equal(hourly["coin_id"], coin["values"])).sort_by("start_at")
    if chosen.num_rows < 2:  # noqa: PLR2004 - a time axis has two ends
        return None
    prices = [_floats(chosen[name]) for name in ("open", "high", "low", "close")]
    candles = list(zip(chosen["start_at"].to_pylist(), *prices, strict=True))
    return candle_chart(candles, f"Hourly candles of {coin['values']}, US dollars", " $")


def _midnight(day: date) -> datetime:
    return datetime.combine(day, time(), UTC)


def _floats(amounts: pa.ChunkedArray) -> list[float]:
    floats: list[float] = amounts.cast(pa.float64()).to_pylist()
    return floats


_PLOTS: dict[str, Callable[[pa.Table], bytes | None]] = {
    COIN_PRICES.full_name: _prices,
    COIN_DAILY.full_name: _day_of_coins,
    MARKET_DAILY.full_name: _market,
    COIN_CANDLES.full_name: _candles,
}
