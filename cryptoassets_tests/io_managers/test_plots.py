"""Charts on the page of a materialization show rows, whatever names they contain."""

import base64
from datetime import timedelta
from decimal import Decimal
from xml.etree import ElementTree as ET

import pyarrow as pa
import pytest

from cryptoassets.io_managers.plots import plot_of
from cryptoassets.schemas import COIN_DAILY, COIN_PRICES, Table
from cryptoassets_tests.io_managers.rows import HOUR, daily_coins, judged, judged_row, start_of

SVG = "{http://www.w3.org/2000/svg}"
ODD = "<script>alert('&')\0\x1b</script>"


def picture(table: Table, rows: pa.Table) -> ET.Element:
    """The chart of some rows, parsed as a browser would."""
    plot = plot_of(table, rows)
    assert plot is not None
    form, _, encoded = str(plot.value).partition(";base64,")
    assert f"![{table.name}](data:image/svg+xml" == form
    return ET.fromstring(base64.b64decode(encoded.rstrip(")")))  # noqa: S314 - our own


def texts(drawn: ET.Element) -> list[str]:
    """The texts in a chart."""
    return [text.text or "" for text in drawn.iter(f"{SVG}text")]


def hour_of(*coins: str, price: int = 100) -> pa.Table:
    """Prices of coins in two snapshots; the second is 10 % higher."""
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
    """Prices are relative to the first price, so bitcoin and a stablecoin fit into one chart."""
    coins = ["bitcoin", "ethereum", ODD, "tether", "xrp", "sixth"]

    drawn = picture(COIN_PRICES, hour_of(*coins))

    assert 5 == len(list(drawn.iter(f"{SVG}polyline")))
    words = texts(drawn)
    assert {"bitcoin", "xrp", "100.00", "110.00", "23:00", "23:30"} <= set(words)
    assert "sixth" not in words
    assert "<script>alert('&')??" in words


def test_returns_of_a_day_are_bars_from_gainers_to_losers() -> None:
    """The chart shows the largest gainers and losers with their returns."""
    rows = daily_coins("2026-11-26", range(12))
    returns = pa.array([Decimal(number - 6) for number in range(12)], rows["return_pct"].type)
    place = rows.schema.get_field_index("return_pct")

    words = texts(picture(COIN_DAILY, rows.set_column(place, "return_pct", returns)))

    assert ["coin-11", "+5.00"] == words[1:3]
    assert ["coin-0", "-6.00"] == words[-2:]


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
def test_there_is_no_chart_without_data(table: Table, rows: pa.Table) -> None:
    """An empty chart would look like an error."""
    assert plot_of(table, rows) is None
