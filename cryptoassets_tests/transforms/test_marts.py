"""Daily figures of coins are exact, and depend on the times of prices but not on their order."""

import itertools
import math
import statistics
from datetime import timedelta
from decimal import ROUND_HALF_UP, Decimal, localcontext
from typing import Any

import pyarrow as pa
import pytest
from pyspark.sql import DataFrame, SparkSession

from cryptoassets.schemas import COIN_DAILY, COIN_PRICE_HISTORY, COIN_PRICES, Table
from cryptoassets.schemas.arrow import arrow_schema
from cryptoassets.transforms.marts import coin_daily
from cryptoassets_tests.transforms.daily_prices import (
    ALIASES,
    CLOSES,
    FACTORS,
    FIRST_DAY,
    HISTORY,
    LARGEST,
    PATH,
    PRICES,
    TINY,
    Row,
    price,
)

pytestmark = pytest.mark.spark


def frame_of(session: SparkSession, rows: list[Row], table: Table = COIN_PRICES) -> DataFrame:
    """Return rows of a table as a DataFrame."""
    return session.createDataFrame(pa.Table.from_pylist(rows, schema=arrow_schema(table)))


def daily_of(session: SparkSession, prices: DataFrame, *, is_backwards: bool = False) -> DataFrame:
    """Return the figures computed from these prices, and from HISTORY and ALIASES."""
    points = HISTORY[::-1] if is_backwards else HISTORY
    history = frame_of(session, points, COIN_PRICE_HISTORY)
    return coin_daily(prices, history, ALIASES)


def by_key(daily: DataFrame) -> dict[tuple[str, int], Row]:
    """Return rows by coin and by the number of days since FIRST_DAY."""
    rows = daily.toArrow().to_pylist()
    return {(row["coin_id"], (row["day"] - FIRST_DAY.date()).days): row for row in rows}


@pytest.fixture(scope="module")
def days(session: SparkSession) -> dict[tuple[str, int], Row]:
    """The daily figures of all coins, computed in one Spark job."""
    daily = daily_of(session, frame_of(session, PRICES))
    assert list(COIN_DAILY.column_names) == daily.columns
    return by_key(daily)


def test_open_and_close_follow_time_not_row_order(days: dict[Any, Row]) -> None:
    """PostgreSQL returns rows in any order. Midnight belongs to the new day."""
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
    """Returns are in percent, with nine decimal places."""
    assert days["steady", 0]["return_pct"] is None
    assert Decimal(10) == days["steady", 1]["return_pct"]
    assert Decimal("-33.333333333") == days["steady", 4]["return_pct"]


def test_a_return_over_a_gap_is_null(days: dict[Any, Row]) -> None:
    """A change over two days is not a daily return. A day without prices has no row."""
    assert ("holey", 5) not in days
    assert days["holey", 6]["return_pct"] is None
    assert days["holey", 7]["return_pct"] is not None


def test_volatility_needs_seven_returns(days: dict[Any, Row]) -> None:
    """Volatility is the sample standard deviation of the returns between eight daily closes."""
    returns = [(b / a - 1) * 100 for a, b in itertools.pairwise(CLOSES)]

    assert days["steady", 6]["volatility_7d_pct"] is None
    assert round(statistics.stdev(returns[:7]), 9) == float(days["steady", 7]["volatility_7d_pct"])
    assert round(statistics.stdev(returns[1:]), 9) == float(days["steady", 8]["volatility_7d_pct"])
    assert {None} == {days["holey", day]["volatility_7d_pct"] for day in (6, 7, 8)}


def test_drawdown_is_measured_from_the_peak_of_seven_days(days: dict[Any, Row]) -> None:
    """The peak is the highest price, not the highest close, of the last seven days."""
    drawdowns = [days["falling", day]["drawdown_pct"] for day in (0, 3, 6, 7)]

    assert [20, 60, 50, 0] == drawdowns


def test_figures_do_not_depend_on_row_order(session: SparkSession, days: dict[Any, Row]) -> None:
    """A PostgreSQL database that is rebuilt from raw documents must contain the same rows."""
    backwards = frame_of(session, PRICES[::-1]).repartition(3)

    assert days == by_key(daily_of(session, backwards, is_backwards=True))


def test_history_is_used_only_in_hours_without_a_snapshot(days: dict[Any, Row]) -> None:
    """History fills hours in which the machine was off; it must not add prices to other hours."""
    row = days["filled", 0]

    figures = [row[name] for name in ("open", "high", "low", "close", "observations")]
    assert [150, 150, 140, 145, 3] == figures
    assert (7, 7, 2) == tuple(days["past", 0][name] for name in ("open", "close", "observations"))


def test_prices_under_an_old_slug_belong_to_the_coin(days: dict[Any, Row]) -> None:
    """Returns are computed across the change of the slug."""
    assert ("old-filled", 1) not in days
    assert Decimal(100) == days["filled", 1]["return_pct"]


def test_volume_comes_only_from_snapshots(days: dict[Any, Row]) -> None:
    """History points have no volume, and without a supply they have no market cap."""
    row = days["unordered", 0]

    assert (TINY, 4) == (row["volume_usd_24h"], row["observations"])
    assert (None, None) == tuple(
        days["past", 0][name] for name in ("volume_usd_24h", "market_cap_usd")
    )


def test_a_market_cap_from_history_is_exact_and_marked_as_derived(days: dict[Any, Row]) -> None:
    """The cap is price times supply of the day's last point with a supply, rounded half up."""
    rows = [days[f"supplied-{place}", 0] for place in range(len(FACTORS))]
    products = [exact_product(*map(Decimal, factors)) for factors in FACTORS]
    # 20 digits before the decimal point do not fit into the intermediate results.
    expected = [product if product < 10**19 else None for product in products]

    assert expected == [row["market_cap_usd"] for row in rows]
    assert Decimal("1E-18") == expected[1]
    assert [None if cap is None else True for cap in expected] == [
        row["is_market_cap_derived"] for row in rows
    ]


def exact_product(price: Decimal, supply: Decimal) -> Decimal:
    """The product, rounded to 18 decimal places."""
    with localcontext(prec=80, rounding=ROUND_HALF_UP):
        return (price * supply).quantize(TINY)


def test_a_market_cap_from_a_snapshot_has_priority(days: dict[Any, Row]) -> None:
    """The snapshot's market cap is used even if a history point of the day is newer."""
    row = days["capped", 0]

    assert (Decimal(9), False) == (row["market_cap_usd"], row["is_market_cap_derived"])
    assert days["past", 0]["is_market_cap_derived"] is None


def test_volatility_of_thirty_days_needs_thirty_returns(days: dict[Any, Row]) -> None:
    """Crypto markets trade every day, so a year has 365 returns."""
    closes = [float(usd) for usd in PATH]
    returns = [(b / a - 1) * 100 for a, b in itertools.pairwise(closes)]
    deviation = statistics.stdev(returns[:30])
    row = days["monthly", 30]

    assert days["monthly", 29]["volatility_30d_pct"] is None
    assert deviation == pytest.approx(float(row["volatility_30d_pct"]), abs=1e-9)
    annualized = float(row["volatility_30d_annualized_pct"])
    assert deviation * math.sqrt(365) == pytest.approx(annualized, abs=1e-9)


def test_drawdown_from_peak_is_negative_and_looks_back_thirty_days(
    days: dict[Any, Row],
) -> None:
    """In contrast, `drawdown_pct` is positive and looks back seven days."""
    figures = [
        (row["drawdown_pct"], row["drawdown_from_peak_pct"])
        for row in (days["falling", day] for day in (0, 3, 6, 7))
    ]

    assert [(20, -20), (60, -60), (50, -50), (0, -50)] == figures


def test_the_return_of_24_hours_needs_a_price_24_to_25_hours_before(days: dict[Any, Row]) -> None:
    """In contrast, `return_pct` compares with the last price of the day before."""
    found = [days["ending", day]["return_24h_pct"] for day in (0, 1, 2)]

    assert [None, 50, None] == found
    assert [None, 50, 50] == [days["ending", day]["return_pct"] for day in (0, 1, 2)]


def test_the_price_24_hours_before_is_exact_to_the_microsecond(session: SparkSession) -> None:
    """The price may be from either of the two days before; each day has its own price."""
    second, microsecond = 1 / 3600, 1 / 3_600_000_000
    prices = [
        *(price("24 h", day, 12, 100 * (day + 1)) for day in range(3)),
        *(price("25 h", day, 12 + day, 100 * (day + 1)) for day in range(2)),
        price("over 25 h", 0, 12 - microsecond, 100),
        price("over 25 h", 1, 13, 200),
        price("under 24 h", 0, 12 + microsecond, 100),
        price("under 24 h", 1, 12, 200),
        price("two days", 0, 23.5, 100),
        price("two days", 1, 0, 150),
        price("two days", 2, 0.25, 300),
        price("newest", 0, 11.5, 50),
        price("newest", 0, 11.75 + second, 100),
        price("newest", 0, 12.5, 70),
        price("newest", 1, 12, 200),
        *(price("after midnight", day, 0.5 - day / 4, 100 * (day + 1)) for day in range(2)),
        price("before midnight", 0, 23.75, 100),
        price("before midnight", 2, 0.5, 200),
    ]

    history = frame_of(session, [], COIN_PRICE_HISTORY)

    found = by_key(coin_daily(frame_of(session, prices), history, {}))

    returns = {name: row["return_24h_pct"] for name, row in found.items() if name[1]}
    assert returns == {
        ("24 h", 1): 100,
        ("24 h", 2): 50,
        ("25 h", 1): 100,
        ("over 25 h", 1): None,
        ("under 24 h", 1): None,
        ("two days", 1): None,
        ("two days", 2): 100,
        ("newest", 1): 100,
        ("after midnight", 1): None,
        ("before midnight", 2): 100,
    }


def test_a_day_shows_how_completely_it_was_observed(days: dict[Any, Row]) -> None:
    """Weekly candles are merged from these figures."""
    names = ("observations", "observations_expected", "source")

    assert (4, 288, "snapshots") == tuple(days["unordered", 0][name] for name in names)
    assert (2, 24, "history") == tuple(days["past", 0][name] for name in names)
    assert (3, 288, "mixed") == tuple(days["filled", 0][name] for name in names)


def test_earlier_daily_rows_give_the_same_figures_as_the_prices_of_those_days(
    session: SparkSession, days: dict[Any, Row]
) -> None:
    """A run reads two days of prices and 30 days of daily rows, instead of a month of prices."""
    last = 31
    known = [row for (_, day), row in days.items() if day < last - 1]
    earlier = session.createDataFrame(pa.Table.from_pylist(known, schema=arrow_schema(COIN_DAILY)))
    since = FIRST_DAY + timedelta(days=last - 1)
    prices = frame_of(session, [row for row in PRICES if row["observed_at"] >= since])
    history = frame_of(session, [], COIN_PRICE_HISTORY)

    found = by_key(coin_daily(prices, history, ALIASES, earlier))

    assert days["monthly", last] == found["monthly", last]
