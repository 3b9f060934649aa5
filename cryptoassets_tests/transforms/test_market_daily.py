"""The figures of the market per day are exact sums over its coins, or null."""

from datetime import date
from decimal import Decimal
from typing import Any

import pyarrow as pa
import pytest
from pyspark.sql import SparkSession

from cryptoassets.schemas import COIN_DAILY, MARKET_DAILY
from cryptoassets.schemas.arrow import arrow_schema
from cryptoassets.transforms.marts import market_daily
from cryptoassets_tests.transforms.daily_prices import LARGEST, TINY, Row

pytestmark = pytest.mark.spark


def coin(coin_id: str, day: int, **changes: Any) -> Row:
    """Return a row of `marts/coin_daily`."""
    prices = dict.fromkeys(("open", "high", "low", "close"), Decimal(1))
    facts = {"day": date(2026, 10, day), "observations": 1, "drawdown_pct": Decimal(0)}
    return {"coin_id": coin_id} | prices | facts | changes


MARKET = [
    coin("bitcoin", 1, market_cap_usd=Decimal(60), return_pct=Decimal(1)),
    coin("ethereum", 1, market_cap_usd=Decimal(30), return_pct=Decimal(-1)),
    coin("ripple", 1, market_cap_usd=Decimal(10), return_pct=Decimal("-1E-9")),
    coin("tether", 1, return_pct=Decimal(0)),
    coin("new", 1, volume_usd_24h=Decimal(2)),
    coin(
        "bitcoin",
        2,
        market_cap_usd=Decimal("99999999999999999998.999999999999999999"),
        volume_usd_24h=Decimal("0.1"),
    ),
    coin("ethereum", 2, market_cap_usd=TINY, volume_usd_24h=Decimal("0.2")),
    coin("bitcoin", 3, market_cap_usd=LARGEST, volume_usd_24h=LARGEST),
    coin("ethereum", 3, market_cap_usd=TINY, volume_usd_24h=LARGEST),
    coin("ethereum", 4, market_cap_usd=Decimal(5)),
    coin("bitcoin", 5),
    coin("bitcoin", 6, market_cap_usd=Decimal(0), is_market_cap_derived=False),
    coin("bitcoin", 7, market_cap_usd=Decimal(1), is_market_cap_derived=True),
    coin("ethereum", 7, market_cap_usd=Decimal(3), is_market_cap_derived=False),
]


@pytest.fixture(scope="module")
def market(session: SparkSession) -> dict[int, Row]:
    """The rows of `marts/market_daily` by day of the month, computed in one Spark job."""
    coins = pa.Table.from_pylist(MARKET, schema=arrow_schema(COIN_DAILY))
    daily = market_daily(session.createDataFrame(coins))
    assert list(MARKET_DAILY.column_names) == daily.columns
    return {row["day"].day: row for row in daily.toArrow().to_pylist()}


def test_the_market_is_the_sum_of_its_coins(market: dict[int, Row]) -> None:
    """A coin without a market cap is counted but adds nothing to the sum."""
    row = market[1]

    assert (100, 2) == (row["market_cap_usd"], row["volume_usd_24h"])
    assert (5, 1, 2) == (row["coins"], row["gainers"], row["losers"])
    assert 60 == row["btc_dominance_pct"]


def test_sums_are_exact_decimals(market: dict[int, Row]) -> None:
    """0.1 + 0.2 is 0.3, and sums keep 38 digits."""
    assert Decimal("0.3") == market[2]["volume_usd_24h"]
    assert Decimal("99999999999999999999") == market[2]["market_cap_usd"]


def test_a_sum_that_overflows_is_null(market: dict[int, Row]) -> None:
    """An overflow must neither fail the run nor produce a wrong number."""
    assert (None, None) == (market[3]["market_cap_usd"], market[3]["volume_usd_24h"])


def test_a_total_with_a_derived_market_cap_is_marked(market: dict[int, Row]) -> None:
    """The total and bitcoin's share then depend on circulating supplies from the history."""
    assert [None, False, True] == [market[day]["is_market_cap_derived"] for day in (5, 6, 7)]
    assert 25 == market[7]["btc_dominance_pct"]


@pytest.mark.parametrize("day", [4, 5, 6], ids=["no bitcoin", "no caps", "zero cap"])
def test_dominance_without_a_market_cap_is_null(market: dict[int, Row], day: int) -> None:
    """Bitcoin's share is undefined if bitcoin has no market cap, or if the total is zero."""
    assert market[day]["btc_dominance_pct"] is None
