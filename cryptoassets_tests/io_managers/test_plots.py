"""Charts on a materialization's page show its rows, whatever the coins are called."""

import base64
from datetime import date, timedelta
from decimal import Decimal
from xml.etree import ElementTree as ET

import pyarrow as pa
import pytest

from cryptoassets.io_managers.axes import round_ticks
from cryptoassets.io_managers.plots import plot_of
from cryptoassets.schemas import COIN_CANDLES, COIN_DAILY, COIN_PRICES, MARKET_DAILY, Table
from cryptoassets.schemas.arrow import arrow_schema
from cryptoassets_tests.io_managers.rows import HOUR, daily_coins, judged, judged_row, start_of

SVG = "{http://www.w3.org/2000/svg}"
ODD = "<script>alert('&')\0\x1b</script>"


def picture(table: Table, rows: pa.Table) -> ET.Element:
    """The chart of the rows, parsed as a browser would parse it."""
    plot = plot_of(table, rows)
    assert plot is not None
    form, _, encoded = str(plot.value).partition(";base64,")
    assert f"![{table.name}](data:image/svg+xml" == form
    return ET.fromstring(base64.b64decode(encoded.rstrip(")")))  # noqa: S314 - trusted XML


def texts(drawn: ET.Element) -> list[str]:
    """The texts in a chart."""
    return [text.text or "" for text in drawn.iter(f"{SVG}text")]


def hour_of(*coins: str, price: int = 100) -> pa.Table:
    """Prices of coins in two snapshots; each price rises by 10 %."""
    return judged(
        *(
            judged_row(
                coin,
                observed_at=start_of(HOUR) + timedelta(minutes=30 * number),
                price_usd=Decimal(price + number * price // 10),
                rank=rank,
            )
            for rank, coin in enumerate(coins)
            for number in range(2)
        )
    )


def test_prices_of_the_five_largest_coins_are_lines() -> None:
    """Lines show changes in percent, so bitcoin and a stablecoin fit into one chart."""
    coins = ["bitcoin", "ethereum", ODD, "tether", "xrp", "sixth"]

    drawn = picture(COIN_PRICES, hour_of(*coins))

    assert 5 == len(list(drawn.iter(f"{SVG}polyline")))
    words = texts(drawn)
    assert {"bitcoin +10.00 %", "xrp +10.00 %", "0.0 %", "+7.5 %", "23:00", "23:30"} <= set(words)
    assert not any("sixth" in one for one in words)
    assert "<script>alert('&')?? +10.00 %" in words


def test_returns_of_a_day_are_bars_from_gainers_to_losers() -> None:
    """The chart shows the largest gainers and losers with their returns."""
    rows = daily_coins("2026-11-26", range(12))
    returns = pa.array([Decimal(number - 6) for number in range(12)], rows["return_pct"].type)
    place = rows.schema.get_field_index("return_pct")

    words = texts(picture(COIN_DAILY, rows.set_column(place, "return_pct", returns)))

    assert ["coin-11", "+5.00 %"] == words[1:3]
    assert ["coin-0", "-6.00 %"] == words[-2:]
    assert "26 November 2026" in words[0]


def test_the_first_day_shows_the_largest_coins() -> None:
    """There are no returns yet, so the chart shows market caps instead."""
    rows = daily_coins("2026-11-26", range(3), market_cap_usd=Decimal(10**9 * 1234))

    words = texts(picture(COIN_DAILY, rows))

    assert ["coin-0", "1,234 bn $"] == words[1:3]


def test_the_market_is_a_line_over_days() -> None:
    """The line shows the market cap of all coins."""
    days = [{"day": date(2026, 11, 1 + day), "coins": 1, "gainers": 0, "losers": 0,
             "market_cap_usd": Decimal(10**9 * (2000 + day))} for day in range(20)]  # fmt: skip

    words = texts(picture(MARKET_DAILY, pa.Table.from_pylist(days, arrow_schema(MARKET_DAILY))))

    assert {"2,000 bn $", "2,010 bn $", "all coins 2,019.0 bn $", "7 Nov"} <= set(words)
    assert "1 November 2026 to 20 November 2026 (UTC)" in words


def test_the_candle_chart_shows_hourly_candles_of_bitcoin() -> None:
    """A chart with the candles of all coins, or of all four lengths, would be unreadable."""
    rows = [
        {"coin_id": coin, "interval": interval, "start_at": start_of(HOUR) - timedelta(hours=hour),
         "open": Decimal(100 + hour), "high": Decimal(120), "low": Decimal(90),
         "close": Decimal(101), "points": 12, "points_expected": 12, "source": "snapshots"}
        for coin in ("bitcoin", ODD) for interval in ("h1", "h4") for hour in range(5)
    ]  # fmt: skip

    drawn = picture(COIN_CANDLES, pa.Table.from_pylist(rows, arrow_schema(COIN_CANDLES)))

    words = texts(drawn)
    assert "Hourly candles of bitcoin, US dollars" == words[0]
    assert {"90 $", "120 $", "19:00", "23:00"} <= set(words)
    colors = [box.get("fill") for box in drawn.iter(f"{SVG}rect")][1:]
    assert 5 == len(colors)
    assert 2 == len(set(colors))


@pytest.mark.parametrize(
    ("values", "labels"),
    [
        ([99.98, 100.02], ["99.98", "99.99", "100.00", "100.01", "100.02"]),
        ([-0.08, 0.0, 0.04], ["-0.10", "-0.05", "0.00", "+0.05"]),
        ([5.0, 5.0], ["4.950", "4.975", "5.000", "5.025", "5.050"]),
        ([0.0], ["-1.0", "-0.5", "0.0", "+0.5", "+1.0"]),
        ([0.0, 4e12], ["0", "+1,000,000,000,000"]),
    ],
)
def test_ticks_are_distinct_round_numbers(values: list[float], labels: list[str]) -> None:
    """Labels have enough digits to differ, and never an exponent."""
    ticks = round_ticks(values)

    assert labels == [ticks.text(value) for value in ticks.values][: len(labels)]


@pytest.mark.parametrize(
    ("table", "rows"),
    [
        (COIN_PRICES, judged(judged_row())),
        (COIN_PRICES, hour_of("worthless", price=0)),
        (COIN_DAILY, daily_coins("2026-11-26", range(12))),
        (COIN_DAILY, daily_coins("2026-11-26", [])),
    ],
    ids=["one snapshot", "prices of zero", "no returns", "no rows"],
)
def test_there_is_no_chart_without_enough_data(table: Table, rows: pa.Table) -> None:
    """An empty chart would look like an error."""
    assert plot_of(table, rows) is None
