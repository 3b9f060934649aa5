"""Candles are exact, equal a computation in plain Python, and contain no made-up prices."""

from collections import defaultdict
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pyspark.sql import SparkSession

from cryptoassets.schemas import (
    COIN_CANDLES,
    COIN_PRICE_HISTORY,
    COIN_PRICES,
    INTERVAL_MS,
    Table,
)
from cryptoassets.schemas.arrow import arrow_schema
from cryptoassets.transforms.candles import coin_candles

pytestmark = pytest.mark.spark

Row = dict[str, Any]
MIDNIGHT = datetime(2026, 10, 25, tzinfo=UTC)
HOURS = {"h1": 1, "h4": 4, "d1": 24}
SNAPSHOT_MINUTES = 5


def observation(coin_id: str, minutes: int, usd: Decimal | int, interval: str | None = None) -> Row:
    """Return a snapshot or, with an interval, a history point, some minutes after midnight."""
    at = MIDNIGHT + timedelta(minutes=minutes)
    row = {"coin_id": coin_id, "observed_at": at, "price_usd": Decimal(usd), "source": "replay"}
    row |= {"fetched_at": at, "raw_id": f"{coin_id}@{at}@{interval}"}
    return row | ({"interval": interval} if interval else {"rank": 1})


def candles_of(session: SparkSession, rows: list[Row]) -> dict[tuple[str, str, datetime], Row]:
    """Compute the candles of snapshots and history points, by coin, interval and start."""

    def frame(table: Table, of_table: list[Row]) -> Any:
        arrow = pa.Table.from_pylist(of_table, schema=arrow_schema(table))
        return session.createDataFrame(arrow, schema=table.spark_schema)

    points = [row for row in rows if "interval" in row]
    snapshots = [row for row in rows if "interval" not in row]
    found = coin_candles(frame(COIN_PRICES, snapshots), frame(COIN_PRICE_HISTORY, points), {})
    assert list(COIN_CANDLES.column_names) == found.columns
    rows = found.toArrow().cast(arrow_schema(COIN_CANDLES)).to_pylist()
    by_key = {(row["coin_id"], row["interval"], row["start_at"]): row for row in rows}
    assert len(rows) == len(by_key)
    return by_key


@pytest.fixture(scope="module")
def candles(session: SparkSession) -> dict[tuple[str, str, int], tuple[Any, ...]]:
    """Candle values by coin, interval and start hour; one Spark job computes all cases."""
    rows = [
        *(observation("full", minute, minute + 1) for minute in range(0, 60, SNAPSHOT_MINUTES)),
        observation("thin", 61, 7),
        *(observation("fine", minute, 1, "m15") for minute in range(0, 60, 15)),
        *(observation("coarse", 60 * hour, hour + 1, "h1") for hour in range(24)),
        observation("daily", 0, 3, "d1"),
        *(observation("halves", 60 * hour, 3, "h12") for hour in (0, 12)),
        *(observation("mixed", 60 * hour, 9, "h1") for hour in (0, 1, 2, 3)),
        observation("mixed", 65, 2),
        observation("exact", 0, Decimal("99999999999999999999.999999999999999999")),
        observation("exact", 5, Decimal("1E-18")),
    ]
    figures = ("open", "high", "low", "close", "points", "points_expected", "source")
    return {
        (coin, interval, start.hour): tuple(row[name] for name in figures)
        for (coin, interval, start), row in candles_of(session, rows).items()
    }


def test_a_full_hour_has_twelve_of_twelve_points(candles: dict[Any, Any]) -> None:
    """Snapshots are due every five minutes."""
    assert (1, 56, 1, 56, 12, 12, "snapshots") == candles["full", "h1", 0]
    assert (1, 56, 1, 56, 12, 48, "snapshots") == candles["full", "h4", 0]
    assert (1, 56, 1, 56, 12, 288, "snapshots") == candles["full", "d1", 0]


def test_an_incomplete_candle_is_not_filled_and_an_empty_one_is_absent(
    candles: dict[Any, Any],
) -> None:
    """A chart must show that the machine was off, not a made-up price."""
    assert (7, 7, 7, 7, 1, 12, "snapshots") == candles["thin", "h1", 1]
    assert [1] == [hour for coin, interval, hour in candles if (coin, interval) == ("thin", "h1")]


def test_history_counts_only_in_candles_of_four_or_more_intervals(candles: dict[Any, Any]) -> None:
    """One point per hour does not show the high and low of that hour."""
    assert (1, 1, 1, 1, 4, 4, "history") == candles["fine", "h1", 0]
    assert (1, 4, 1, 4, 4, 4, "history") == candles["coarse", "h4", 0]
    assert (1, 24, 1, 24, 24, 24, "history") == candles["coarse", "d1", 0]
    assert ["d1", "h4"] == sorted({key[1] for key in candles if key[0] == "coarse"})
    assert [] == [key for key in candles if key[0] in ("daily", "halves")]


def test_a_mixed_candle_expects_points_at_its_shortest_interval(candles: dict[Any, Any]) -> None:
    """History is ignored in hours with a snapshot. Snapshots are due every 5 min: 48 in 4 h."""
    assert (9, 9, 2, 9, 4, 48, "mixed") == candles["mixed", "h4", 0]
    assert (2, 2, 2, 2, 1, 12, "snapshots") == candles["mixed", "h1", 1]


def test_prices_stay_exact(candles: dict[Any, Any]) -> None:
    """All 38 digits are kept."""
    largest, tiny = Decimal("99999999999999999999.999999999999999999"), Decimal("1E-18")

    assert (largest, largest, tiny, tiny) == candles["exact", "d1", 0][:4]


PLACES = st.integers(0, 2 * 288 - 1)
PRICES = st.decimals("0", "100000000000000000000", places=18, allow_nan=False).filter(
    lambda price: price < 10**20
)
OBSERVED = st.lists(
    st.tuples(st.sampled_from("ab"), PLACES, PRICES, st.sampled_from([None, *INTERVAL_MS])),
    min_size=1,
    max_size=60,
    unique_by=lambda one: (one[0], one[1], one[3]),
)


@settings(
    max_examples=6, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(observed=OBSERVED)
def test_candles_equal_a_computation_in_plain_python(
    session: SparkSession, observed: list[tuple[str, int, Decimal, str | None]]
) -> None:
    """The prices are any mix of snapshots and history points, in any order, over two days."""
    rows = [observation(coin, 5 * place, usd, interval) for coin, place, usd, interval in observed]

    assert expected_candles(rows) == candles_of(session, rows)


def expected_candles(rows: list[Row]) -> dict[tuple[str, str, datetime], Row]:
    """Compute the candles one by one, directly from their definition."""
    hours_seen = {
        (row["coin_id"], row["observed_at"].replace(minute=0))
        for row in rows
        if "interval" not in row
    }
    groups: dict[Any, list[Row]] = defaultdict(list)
    for row in rows:
        minutes = INTERVAL_MS[row["interval"]] // 60_000 if "interval" in row else SNAPSHOT_MINUTES
        is_hidden = (row["coin_id"], row["observed_at"].replace(minute=0)) in hours_seen
        if "interval" in row and is_hidden:
            continue
        groups[row["coin_id"], row["observed_at"]].append(row | {"minutes": minutes})
    found: dict[Any, list[Row]] = defaultdict(list)
    for (coin, at), of_instant in groups.items():
        one = min(of_instant, key=lambda row: row["minutes"])
        for name, hours in HOURS.items():
            if "interval" not in one or 4 * one["minutes"] <= 60 * hours:
                start = at - (at - MIDNIGHT) % timedelta(hours=hours)
                found[coin, name, start].append(one)
    return {key: _candle(key, points) for key, points in found.items()}


def _candle(key: tuple[str, str, datetime], points: list[Row]) -> Row:
    prices = [row["price_usd"] for row in sorted(points, key=lambda row: row["observed_at"])]
    kinds = {"history" if "interval" in row else "snapshots" for row in points}
    return {
        **dict(zip(("coin_id", "interval", "start_at"), key, strict=True)),
        "open": prices[0],
        "high": max(prices),
        "low": min(prices),
        "close": prices[-1],
        "points": len(points),
        "points_expected": HOURS[key[1]] * 60 // min(row["minutes"] for row in points),
        "source": kinds.pop() if len(kinds) == 1 else "mixed",
    }
