"""Daily figures follow time and neighbouring days, are exact, and ignore the order of rows."""

import itertools
import statistics
from collections.abc import Iterable
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

import pyarrow as pa
import pytest
from pyspark.sql import DataFrame, SparkSession

from cryptoassets.schemas import (
    COIN_DAILY,
    COIN_PRICE_HISTORY,
    COIN_PRICES,
    MARKET_DAILY,
    Table,
)
from cryptoassets.schemas.arrow import arrow_schema
from cryptoassets.transforms.marts import coin_daily, market_daily

pytestmark = pytest.mark.spark

Row = dict[str, Any]
FIRST_DAY = datetime(2026, 10, 25, tzinfo=UTC)
LARGEST = Decimal("99999999999999999999.999999999999999999")
TINY = Decimal("1E-18")
CLOSES = [100, 110, 99, 120, 80, 90, 91, 92, 140]


def price(coin_id: str, day: int, hours: float, usd: str | int | Decimal, **changes: Any) -> Row:
    """An observation the given number of hours after midnight UTC."""
    observed_at = FIRST_DAY + timedelta(days=day, hours=hours)
    return {
        "coin_id": coin_id,
        "observed_at": observed_at,
        "price_usd": Decimal(usd),
        "rank": 1,
        "source": "simulator",
        "fetched_at": observed_at,
        "raw_id": f"{coin_id}@{observed_at}",
    } | changes


def closes(coin_id: str, by_day: Iterable[tuple[int, int]]) -> list[Row]:
    """One observation per day, at noon."""
    return [price(coin_id, day, 12, usd) for day, usd in by_day]


PRICES = [
    price("unordered", 0, 10, "2"),
    price("unordered", 0, 0, "1.5"),
    price("unordered", 0, 23.99, "3", volume_usd_24h=TINY, market_cap_usd=LARGEST),
    price("unordered", 0, 12, "5", volume_usd_24h=Decimal(7), market_cap_usd=Decimal(8)),
    price("unordered", 1, 0, "4"),
    price("exact", 0, 1, LARGEST),
    price("exact", 0, 2, TINY),
    *closes("steady", enumerate(CLOSES)),
    *closes("holey", ((day, usd) for day, usd in enumerate(CLOSES) if day != 5)),
    price("filled", 0, 12, 140),
    price("falling", 0, 1, 10),
    price("falling", 0, 2, 8),
    *closes("falling", [(3, 4), (6, 5), (7, 5)]),
]


def point(coin_id: str, day: int, hours: float, usd: int, interval: str = "h1") -> Row:
    """A history point the given number of hours after midnight UTC."""
    row = price(coin_id, day, hours, usd, interval=interval)
    return {name: row[name] for name in row if name != "rank"}


HISTORY = [
    # The only snapshot of `filled` is at noon, so the points of that hour must not be used.
    *(point("filled", 0, hours, usd) for hours, usd in ((9, 150), (12, 999), (12.5, 999))),
    point("filled", 0, 23, 145),
    point("old-filled", 1, 1, 290),
    point("unordered", 0, 23.5, 9),
    *(point("past", 0, hours, 7) for hours in (0, 1)),
]
ALIASES = {"old-filled": "filled"}


def frame_of(session: SparkSession, rows: list[Row], table: Table = COIN_PRICES) -> DataFrame:
    """Rows of a table as a DataFrame."""
    return session.createDataFrame(pa.Table.from_pylist(rows, schema=arrow_schema(table)))


def daily_of(session: SparkSession, prices: DataFrame, *, is_backwards: bool = False) -> DataFrame:
    """The figures computed from prices, history and aliases."""
    points = HISTORY[::-1] if is_backwards else HISTORY
    history = frame_of(session, points, COIN_PRICE_HISTORY)
    return coin_daily(prices, history, ALIASES)


def by_key(daily: DataFrame) -> dict[tuple[str, int], Row]:
    """Rows by coin and number of the day."""
    rows = daily.toArrow().to_pylist()
    return {(row["coin_id"], (row["day"] - FIRST_DAY.date()).days): row for row in rows}


@pytest.fixture(scope="module")
def days(session: SparkSession) -> dict[tuple[str, int], Row]:
    """The figures of all coins, in one job."""
    daily = daily_of(session, frame_of(session, PRICES))
    assert list(COIN_DAILY.column_names) == daily.columns
    return by_key(daily)


def test_open_and_close_follow_time_not_row_order(days: dict[Any, Row]) -> None:
    """COPY returns rows in any order; midnight belongs to the new day."""
    row = days["unordered", 0]

    figures = [row[name] for name in ("open", "high", "low", "close", "observations")]
    assert [Decimal("1.5"), 5, Decimal("1.5"), 3, 4] == figures
    assert 4 == days["unordered", 1]["open"]


def test_volume_and_market_cap_are_the_last_values_of_the_day(days: dict[Any, Row]) -> None:
    """Summing 24-hour volumes over a day would count every trade 288 times."""
    row = days["unordered", 0]

    assert (TINY, LARGEST) == (row["volume_usd_24h"], row["market_cap_usd"])
    assert days["unordered", 1]["volume_usd_24h"] is None


def test_amounts_stay_exact(days: dict[Any, Row]) -> None:
    """All 38 digits are kept."""
    row = days["exact", 0]

    assert (LARGEST, LARGEST, TINY, TINY) == tuple(
        row[name] for name in ("open", "high", "low", "close")
    )


def test_a_return_compares_with_the_day_before(days: dict[Any, Row]) -> None:
    """Returns are in percent, with nine places."""
    assert days["steady", 0]["return_pct"] is None
    assert Decimal(10) == days["steady", 1]["return_pct"]
    assert Decimal("-33.333333333") == days["steady", 4]["return_pct"]


def test_a_return_over_a_gap_is_null(days: dict[Any, Row]) -> None:
    """A change over two days is not a daily return; a day without prices is absent, not zero."""
    assert ("holey", 5) not in days
    assert days["holey", 6]["return_pct"] is None
    assert days["holey", 7]["return_pct"] is not None


def test_volatility_needs_seven_returns(days: dict[Any, Row]) -> None:
    """It is the sample standard deviation over eight closes without a gap."""
    returns = [(b / a - 1) * 100 for a, b in itertools.pairwise(CLOSES)]

    assert days["steady", 6]["volatility_7d_pct"] is None
    assert round(statistics.stdev(returns[:7]), 9) == float(days["steady", 7]["volatility_7d_pct"])
    assert round(statistics.stdev(returns[1:]), 9) == float(days["steady", 8]["volatility_7d_pct"])
    assert {None} == {days["holey", day]["volatility_7d_pct"] for day in (6, 7, 8)}


def test_drawdown_is_measured_from_the_peak_of_seven_days(days: dict[Any, Row]) -> None:
    """The peak is the highest price, not the highest close, and expires on the eighth day."""
    drawdowns = [days["falling", day]["drawdown_pct"] for day in (0, 3, 6, 7)]

    assert [20, 60, 50, 0] == drawdowns


def test_figures_do_not_depend_on_row_order(session: SparkSession, days: dict[Any, Row]) -> None:
    """A PostgreSQL database that is rebuilt from raw must be byte-identical."""
    backwards = frame_of(session, PRICES[::-1]).repartition(3)

    assert days == by_key(daily_of(session, backwards, is_backwards=True))


def test_history_is_used_only_in_hours_without_a_snapshot(days: dict[Any, Row]) -> None:
    """History fills hours in which the machine was off; other hours must not count twice."""
    row = days["filled", 0]

    figures = [row[name] for name in ("open", "high", "low", "close", "observations")]
    assert [150, 150, 140, 145, 3] == figures
    assert (7, 7, 2) == tuple(days["past", 0][name] for name in ("open", "close", "observations"))


def test_an_old_slug_continues_the_coin(days: dict[Any, Row]) -> None:
    """Returns are computed across the change of the slug."""
    assert ("old-filled", 1) not in days
    assert Decimal(100) == days["filled", 1]["return_pct"]


def test_volume_and_market_cap_come_only_from_snapshots(days: dict[Any, Row]) -> None:
    """History points have neither value and must not hide those of snapshots."""
    row = days["unordered", 0]

    assert (TINY, 4) == (row["volume_usd_24h"], row["observations"])
    assert (None, None) == tuple(
        days["past", 0][name] for name in ("volume_usd_24h", "market_cap_usd")
    )


def coin(coin_id: str, day: int, **changes: Any) -> Row:
    """A row of `marts/coin_daily`."""
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
    coin("bitcoin", 6, market_cap_usd=Decimal(0)),
]


@pytest.fixture(scope="module")
def market(session: SparkSession) -> dict[int, Row]:
    """The rows of the market by day of the month, computed in one job."""
    coins = pa.Table.from_pylist(MARKET, schema=arrow_schema(COIN_DAILY))
    daily = market_daily(session.createDataFrame(coins))
    assert list(MARKET_DAILY.column_names) == daily.columns
    return {row["day"].day: row for row in daily.toArrow().to_pylist()}


def test_a_market_day_sums_its_coins(market: dict[int, Row]) -> None:
    """A coin without a figure is counted but adds nothing to the sum."""
    row = market[1]

    assert (100, 2) == (row["market_cap_usd"], row["volume_usd_24h"])
    assert (5, 1, 2) == (row["coins"], row["gainers"], row["losers"])
    assert 60 == row["btc_dominance_pct"]


def test_sums_are_exact_decimals(market: dict[int, Row]) -> None:
    """0.1 + 0.2 is 0.3, and sums keep 38 digits."""
    assert Decimal("0.3") == market[2]["volume_usd_24h"]
    assert Decimal("99999999999999999999") == market[2]["market_cap_usd"]


def test_a_sum_that_overflows_is_null(market: dict[int, Row]) -> None:
    """An overflow neither fails the day nor yields a wrong number."""
    assert (None, None) == (market[3]["market_cap_usd"], market[3]["volume_usd_24h"])


@pytest.mark.parametrize("day", [4, 5, 6], ids=["no bitcoin", "no caps", "zero cap"])
def test_dominance_without_a_market_cap_is_null(market: dict[int, Row], day: int) -> None:
    """The share is undefined without bitcoin's cap and for a total of zero."""
    assert market[day]["btc_dominance_pct"] is None
