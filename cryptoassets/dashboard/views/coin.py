"""The Coin page: candles, price with gaps and quarantined points, volatility, comparison."""

from collections.abc import Sequence
from datetime import timedelta
from typing import Any

import streamlit as st

from cryptoassets.dashboard import charts, figures, queries
from cryptoassets.dashboard.price_chart import show_price
from cryptoassets.dashboard.reader import Reader
from cryptoassets.dashboard.reading import Row, rows_of
from cryptoassets.dashboard.views.market import explain_missing_rates
from cryptoassets.schemas import CANDLE_MS

_RANGES = {"1 day": 1, "7 days": 7, "30 days": 30, "90 days": 90, "1 year": 365}
_INTERVALS = {"1 hour": "h1", "4 hours": "h4", "1 day": "d1", "1 week": "w1"}
_MIN_CANDLES, _MAX_CANDLES = 4, 800
_HOURS = {name: milliseconds / 3_600_000 for name, milliseconds in CANDLE_MS.items()}
_POINTS = 500
_MAX_COMPARED = 5


def show(reader: Reader) -> None:
    """Draw the page."""
    names = {
        row["coin_id"]: f"{row['name']} ({row['symbol']})"
        for row in rows_of({"names": queries.COIN_NAMES})["names"]
    }
    if not names:
        st.info(
            "**There are no coins yet.** Fetch the first prices in a terminal: `cryptoassets run`.",
            icon=":material/info:",
        )
        return
    coin = _choose_coin(names)
    chosen = st.segmented_control("Range", list(_RANGES), default="30 days", key="coin_range")
    days = _RANGES[chosen or "30 days"]
    found = rows_of(
        {
            "coin": queries.COIN,
            "days": queries.COIN_DAYS,
            "gaps": queries.COIN_GAPS,
            "quarantine": queries.COIN_QUARANTINE,
            "prices": queries.PRICES,
        },
        reader.currency,
        coin=coin,
        days=max(days, 30),
        range=timedelta(days=days),
        step=timedelta(days=days) / _POINTS,
    )
    if found["coin"]:
        _show_now(found["coin"][0], found["days"], reader)
        charts.show_numbers_first()
    amounts = [row["price"] for row in (*found["coin"], *found["prices"])]
    explain_missing_rates([*amounts, *(row["close"] for row in found["days"])], reader)
    _show_candles(coin, days, reader)
    st.subheader("Price", anchor=False)
    show_price(found["prices"], found["gaps"], found["quarantine"], reader)
    _show_risk(found["days"])
    _show_comparison(coin, names, days, reader)


def _choose_coin(names: dict[str, str]) -> str:
    """Let the reader choose a coin; the default is the one in the page's address."""
    coins = list(names)
    asked = st.query_params.get("coin")
    coin = st.selectbox(
        "Coin",
        coins,
        index=coins.index(asked) if asked in names else 0,
        format_func=lambda one: names.get(one, one),
        key="coin",
        width=360,
    )
    # `bind="query-params"` would put the displayed text into the address instead of the id.
    st.query_params["coin"] = coin
    return coin


def _show_now(coin: Row, days: Sequence[Row], reader: Reader) -> None:
    drawdown = days[-1]["drawdown_from_peak_pct"] if days else None
    columns = st.columns(4)
    change = figures.percent(coin["change_pct_24h"], is_signed=True)
    columns[0].metric(
        "Price",
        figures.price(coin["price"], reader.currency),
        f"{change} in 24 hours" if coin["change_pct_24h"] is not None else None,
        border=True,
        height="stretch",
    )
    columns[1].metric(
        "Market cap",
        figures.total(coin["market_cap"], reader.currency),
        border=True,
        height="stretch",
    )
    columns[2].metric(
        "Volume, 24 hours",
        figures.total(coin["volume"], reader.currency),
        border=True,
        height="stretch",
    )
    columns[3].metric(
        "Below 30-day peak",
        figures.percent(None if drawdown is None else abs(drawdown)),
        border=True,
        height="stretch",
    )
    st.caption(
        f"Rank {coin['rank']}. Observed {figures.moment(coin['observed_at'], reader.zone)} "
        f"({reader.zone.key}), {figures.age(coin['age_seconds'])} ago. Source: {coin['source']}."
    )


def _show_candles(coin: str, days: int, reader: Reader) -> None:
    st.subheader("Candles", anchor=False)
    fitting = {
        name: interval
        for name, interval in _INTERVALS.items()
        if _MIN_CANDLES <= days * 24 / _HOURS[interval] <= _MAX_CANDLES
    }
    default = min(fitting, key=lambda name: abs(days * 24 / _HOURS[fitting[name]] - 90))
    chosen = st.segmented_control(
        "Interval", list(fitting), default=default, key=f"interval_{days}"
    )
    interval = fitting[chosen or default]
    rows = rows_of(
        {"candles": queries.CANDLES},
        reader.currency,
        coin=coin,
        interval=interval,
        range=timedelta(days=days),
        length=timedelta(hours=_HOURS[interval]),
    )["candles"]
    rows = [row for row in rows if row["open"] is not None]
    # Days are UTC days, whatever time zone the reader has chosen.
    is_daily = _HOURS[interval] >= _HOURS["d1"]
    starts = [row["start_at"].date() if is_daily else reader.local(row["start_at"]) for row in rows]
    drawn = charts.candles(starts, rows, reader.currency)
    if not drawn:
        st.caption("No candles in this range. `cryptoassets run` computes them from the prices.")
        return
    charts.show(drawn, prefix=figures.symbol(reader.currency), height=380)
    thin = sum(2 * row["points"] < row["points_expected"] for row in rows)
    if thin:
        st.caption(
            f"{thin} of {len(rows)} candles have less than half of the expected points; "
            "they are drawn faint. Nothing is interpolated."
        )


def _show_risk(days: Sequence[Row]) -> None:
    left, right = st.columns(2)
    known = {
        name: [row for row in days if row[name] is not None]
        for name in ("volatility_7d_pct", "volatility_30d_pct", "drawdown_from_peak_pct")
    }
    with left:
        st.subheader("Volatility of daily returns", anchor=False)
        lines = [
            _line(known[name], name, label, color)
            for name, label, color in (
                ("volatility_7d_pct", "7 days", charts.COLORS[0]),
                ("volatility_30d_pct", "30 days", charts.COLORS[1]),
            )
            if len(known[name]) > 1
        ]
        _show_lines(lines, "Volatility needs at least two daily returns.")
    with right:
        st.subheader("Drawdown from the 30-day peak", anchor=False)
        name = "drawdown_from_peak_pct"
        lines = [_line(known[name], name, "", charts.LOSS, fill="tozeroy")]
        _show_lines(lines if len(known[name]) > 1 else [], "Drawdown needs at least two days.")


def _line(rows: Sequence[Row], column: str, name: str, color: str, **options: Any) -> Any:
    amounts = [row[column] for row in rows]
    texts = [figures.percent(amount) for amount in amounts]
    days = [row["day"] for row in rows]
    return charts.daily_line(days, amounts, texts, name, color=color, **options)


def _show_lines(lines: Sequence[Any], otherwise: str) -> None:
    if lines:
        charts.show(lines, unit=" %", height=260)
    else:
        st.caption(otherwise)


def _show_comparison(coin: str, names: dict[str, str], days: int, reader: Reader) -> None:
    st.subheader("Compare", anchor=False)
    others = [one for one in names if one != coin]
    chosen = st.multiselect(
        "Other coins",
        others,
        default=others[:1],
        format_func=lambda one: names.get(one, one),
        max_selections=_MAX_COMPARED,
        key=f"compared_with_{coin}",
    )
    rows = rows_of(
        {"days": queries.COMPARED},
        reader.currency,
        coins=[coin, *chosen],
        days=max(days, 7),
    )["days"]
    lines = []
    for place, one in enumerate([coin, *chosen]):
        closes = [row for row in rows if row["coin_id"] == one and row["close"] is not None]
        if len(closes) < 2:  # noqa: PLR2004 - a line needs two points
            continue
        changes = [(row["close"] / closes[0]["close"] - 1) * 100 for row in closes]
        texts = [
            f"{figures.percent(change, is_signed=True)}, "
            f"{figures.price(row['close'], reader.currency)}"
            for change, row in zip(changes, closes, strict=True)
        ]
        color = charts.COLORS[place % len(charts.COLORS)]
        times = [row["day"] for row in closes]
        lines.append(charts.daily_line(times, changes, texts, names[one], color=color))
    if not lines:
        st.caption(
            f"A comparison needs closing prices in {reader.currency} from at least two days."
        )
        return
    st.caption("Change in the daily close since the first day of the range.")
    charts.show(lines, unit=" %", showlegend=True)
