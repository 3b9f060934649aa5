"""A coin has one observation per instant; snapshots have priority; slugs are current."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pyarrow as pa
import pytest
from pyspark.sql import SparkSession

from cryptoassets.schemas import COIN_PRICE_HISTORY, COIN_PRICES, Table
from cryptoassets.schemas.arrow import arrow_schema
from cryptoassets.transforms.observations import observations

Row = dict[str, Any]
MIDNIGHT = datetime(2026, 10, 25, tzinfo=UTC)


def observation(coin_id: str, minutes: float, usd: int, **more: Any) -> Row:
    """Return a row some minutes after midnight, with fields that snapshots and history share."""
    at = MIDNIGHT + timedelta(minutes=minutes)
    row = {"coin_id": coin_id, "observed_at": at, "price_usd": Decimal(usd), "source": "replay"}
    return row | {"fetched_at": at, "raw_id": f"{coin_id}@{at}@{more}"} | more


def snapshot(coin_id: str, minutes: float, usd: int) -> Row:
    """Return a row of `warehouse.coin_prices`."""
    return observation(coin_id, minutes, usd, rank=1, volume_usd_24h=Decimal(5))


PRICES = [
    snapshot("both", 90, 1),
    snapshot("ripple", 5, 10),
    snapshot("ripple", 10, 99),
    snapshot("xrp", 10, 11),
]
HISTORY = [
    *(observation("both", minutes, 2, interval="m30") for minutes in (0, 30, 60, 90, 120)),
    observation("both", 0, 3, interval="h1"),
    observation("both", 0, 4, interval="d1"),
    observation("both", 180, 5, interval="h6"),
    observation("ripple", 30, 99, interval="h1"),
    *(observation("ripple", minutes, 12, interval="h1") for minutes in (60, 120)),
    observation("xrp", 120, 13, interval="h1"),
    observation("xrp", 130, 14, interval="m5"),
    observation("ripple", 135, 99, interval="m5"),
]


@pytest.fixture(scope="module")
def rows(session: SparkSession) -> list[Row]:
    """The observations, computed in one Spark job."""

    def frame(rows: list[Row], table: Table) -> Any:
        return session.createDataFrame(pa.Table.from_pylist(rows, schema=arrow_schema(table)))

    found = observations(
        frame(PRICES, COIN_PRICES),
        frame(HISTORY, COIN_PRICE_HISTORY),
        {"ripple": "xrp", "unused": "both"},
    )
    return found.toArrow().to_pylist()


def observations_of(rows: list[Row], coin_id: str) -> list[tuple[int, int, bool]]:
    """Return minute, price and `is_snapshot` of a coin's observations, by time."""
    return sorted(
        (
            (row["observed_at"] - MIDNIGHT) // timedelta(minutes=1),
            int(row["price_usd"]),
            row["is_snapshot"],
        )
        for row in rows
        if row["coin_id"] == coin_id
    )


def test_history_fills_hours_without_a_snapshot_once_per_instant(rows: list[Row]) -> None:
    """The hour from 1:00 has a snapshot; three intervals have a point at midnight."""
    expected = [(0, 2, False), (30, 2, False), (90, 1, True), (120, 2, False), (180, 5, False)]

    assert expected == observations_of(rows, "both")


def test_an_old_slug_is_merged_into_the_current_slug(rows: list[Row]) -> None:
    """Both slugs have a snapshot at minute 10, and history in the hour from minute 120."""
    expected = [
        (5, 10, True),
        (10, 11, True),
        (60, 12, False),
        (120, 13, False),
        (130, 14, False),
    ]

    assert expected == observations_of(rows, "xrp")
    assert {"both", "xrp"} == {row["coin_id"] for row in rows}


def test_only_snapshots_have_a_volume(rows: list[Row]) -> None:
    """History points have a price but no volume."""
    assert {(True, Decimal(5)), (False, None)} == {
        (row["is_snapshot"], row["volume_usd_24h"]) for row in rows
    }
