"""The Market page: market cap, volume and dominance now and over time, movers, and all coins."""

from collections.abc import Sequence
from datetime import UTC, datetime
from decimal import Decimal

import streamlit as st

from cryptoassets.dashboard import charts, figures, queries
from cryptoassets.dashboard.reader import Reader
from cryptoassets.dashboard.reading import Row, rows_of
from cryptoassets.dashboard.tables import Cell, Heading, change_style, show_table

_RANGES = {"30 days": 30, "90 days": 90, "1 year": 365, "All": 10_000}
_MOVERS = 5
_MIN_DAYS = 2
"""A line needs two points."""
_NONE = Decimal(0)


def show(reader: Reader) -> None:
    """Draw the page."""
    chosen = st.segmented_control(
        "Range", list(_RANGES), default="90 days", label_visibility="collapsed", key="market_range"
    )
    found = rows_of(
        {"now": queries.MARKET_NOW, "days": queries.MARKET_DAYS, "coins": queries.COINS_NOW},
        reader.currency,
        days=_RANGES[chosen or "90 days"],
    )
    if not found["coins"]:
        st.info(
            "**There are no prices yet.** Fetch the first prices in a terminal: `cryptoassets run`."
            " This page then shows them.",
            icon=":material/info:",
        )
        return
    _show_now(found["now"][0], found["days"], reader)
    charts.show_numbers_first()
    _show_days(found["days"], reader)
    _show_movers(found["coins"], reader)
    _show_coins(found["coins"], reader)


def _show_now(now: Row, days: Sequence[Row], reader: Reader) -> None:
    cap, volume = now["market_cap"], now["volume"]
    columns = st.columns(4)
    columns[0].metric(
        "Market cap",
        figures.total(cap, reader.currency),
        _change_since_day_before(now, days),
        border=True,
        height="stretch",
    )
    columns[1].metric(
        "Volume, 24 hours", figures.total(volume, reader.currency), border=True, height="stretch"
    )
    columns[2].metric(
        "Bitcoin dominance", figures.percent(now["dominance_pct"]), border=True, height="stretch"
    )
    columns[3].metric(
        "Coins up / down, 24 hours",
        f"{now['gainers']} / {now['losers']}",
        border=True,
        height="stretch",
    )
    st.caption(
        f"{figures.count(now['coins'])} coins, newest price "
        f"{figures.moment(now['observed_at'], reader.zone)} ({reader.zone.key}). "
        "Days are UTC days."
    )
    explain_missing_rates([cap, volume, *(row["market_cap"] for row in days)], reader)


def _change_since_day_before(now: Row, days: Sequence[Row]) -> str | None:
    """Describe the change since the newest known day before the newest price, and name that day."""
    cap, observed_at = now["market_cap"], now["observed_at"]
    if not cap or observed_at is None:
        return None
    day = observed_at.astimezone(UTC).date()
    before = [row for row in days if row["day"] < day and row["market_cap"]]
    if not before:
        return None
    change = figures.percent((cap / before[-1]["market_cap"] - 1) * 100, is_signed=True)
    return f"{change} since {figures.past_day(before[-1]['day'], datetime.now(UTC).date())}"


def explain_missing_rates(amounts: Sequence[object], reader: Reader) -> None:
    """Explain why amounts in the reader's currency are missing."""
    if reader.currency != "USD" and any(amount is None for amount in amounts):
        st.info(
            f"Some amounts in {reader.currency} are missing, because no exchange rate is known "
            "from the 24 hours before the price. `cryptoassets run` fetches the current rates; for "
            "past days, set `CRYPTOASSETS_ECB_RATES`.",
            icon=":material/currency_exchange:",
        )


def _show_days(days: Sequence[Row], reader: Reader) -> None:
    known = [row for row in days if row["market_cap"] is not None]
    if len(days) < _MIN_DAYS:
        st.caption(
            "Charts over time need data from two days. `cryptoassets backfill --from DATE` "
            "fetches earlier days."
        )
        return
    if len(known) < _MIN_DAYS:
        st.caption(
            f"Charts over time need market caps in {reader.currency} from two days, but "
            f"{'only one day has' if known else 'no day has'} one."
        )
        return
    prefix, times = figures.symbol(reader.currency).strip(), [row["day"] for row in known]
    caps, volumes = [row["market_cap"] for row in known], [row["volume"] for row in known]
    st.subheader("Market cap", anchor=False)
    texts = [
        figures.total(row["market_cap"], reader.currency)
        + (" (derived from supply)" if row["is_market_cap_derived"] else "")
        for row in known
    ]
    size, letter = figures.scale(max(caps))
    line = charts.daily_line(times, [cap / size for cap in caps], texts)
    charts.show([line], prefix=prefix, unit=f" {letter}".rstrip())
    left, right = st.columns(2)
    with left:
        st.subheader("Volume, 24 hours", anchor=False)
        texts = [figures.total(volume, reader.currency) for volume in volumes]
        size, letter = figures.scale(
            max((one for one in volumes if one is not None), default=_NONE)
        )
        scaled = [None if one is None else one / size for one in volumes]
        volume_bars = charts.bars(times, scaled, texts, "", charts.COLORS[0])
        charts.show([volume_bars], prefix=prefix, unit=f" {letter}".rstrip(), height=260)
    with right:
        st.subheader("Bitcoin dominance", anchor=False)
        shares = [row["btc_dominance_pct"] for row in known]
        texts = [figures.percent(share) for share in shares]
        lines = [charts.daily_line(times, shares, texts, color=charts.COLORS[1])]
        charts.show(lines, unit=" %", height=260)


def _show_movers(coins: Sequence[Row], reader: Reader) -> None:
    known = [row for row in coins if row["change_pct_24h"] is not None]
    ordered = sorted(known, key=lambda row: (-row["change_pct_24h"], row["coin_id"]))
    gainers = [row for row in ordered if row["change_pct_24h"] > 0][:_MOVERS]
    losers = [row for row in reversed(ordered) if row["change_pct_24h"] < 0][:_MOVERS]
    titles = ("Largest gains, 24 hours", "Largest losses, 24 hours")
    for column, title, rows in zip(st.columns(2), titles, (gainers, losers), strict=True):
        with column:
            st.subheader(title, anchor=False)
            if not rows:
                st.caption("None.")
                continue
            headings = [Heading("Coin"), Heading("Price", "n"), Heading("24 h", "n")]
            show_table(
                headings, [[_name(row, reader), _price(row, reader), _change(row)] for row in rows]
            )


def _show_coins(coins: Sequence[Row], reader: Reader) -> None:
    st.subheader("All coins", anchor=False)
    headings = [
        Heading("#", "n wide"),
        Heading("Coin"),
        Heading("Price", "n"),
        Heading("24 h", "n"),
        Heading("Market cap", "n"),
        Heading("Volume, 24 h", "n wide"),
    ]
    show_table(
        headings,
        [
            [
                str(row["rank"]),
                _name(row, reader),
                _price(row, reader),
                _change(row),
                figures.total(row["market_cap"], reader.currency),
                figures.total(row["volume"], reader.currency),
            ]
            for row in coins
        ],
    )


def _name(row: Row, reader: Reader) -> Cell:
    return Cell(row["name"], reader.coin_link(row["coin_id"]), note=row["symbol"])


def _price(row: Row, reader: Reader) -> str:
    return figures.price(row["price"], reader.currency)


def _change(row: Row) -> Cell:
    text = figures.percent(row["change_pct_24h"], is_signed=True)
    return Cell(text, style=change_style(text))
