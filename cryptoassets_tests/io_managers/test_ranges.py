"""Promises of a run over several days: each is a partition of its own; a bad one is left out."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import dagster as dg
import pyarrow as pa
import pytest

from cryptoassets.io_managers.postgres import PostgresIOManager
from cryptoassets.partitions.policies import DAILY, RANGE_IN_ONE_RUN, range_tags
from cryptoassets.partitions.spans import partition_name, partition_window, partitions_in
from cryptoassets.schemas import CLEAN_COIN_PRICE_HISTORY
from cryptoassets.schemas.arrow import arrow_schema
from cryptoassets_tests.io_managers import warehouse

DAYS = ["2026-10-30", "2026-10-31", "2026-11-01"]
FIRST = datetime(2026, 10, 30, tzinfo=UTC)


def point(coin: str, day: int, **changes: Any) -> dict[str, Any]:
    """A valid row of clean/coin_price_history on a day after the first."""
    observed_at = FIRST + timedelta(days=day, hours=3)
    return {
        "raw_id": f"{coin}@{day}",
        "coin_id": coin,
        "interval": "h1",
        "observed_at": observed_at,
        "fetched_at": observed_at,
        "source": "simulator",
        "price_usd": Decimal("1.5"),
        "payload": "{}",
        "reasons": [],
        "outcome": "valid",
    } | changes


def publish(io_manager: PostgresIOManager, *rows: dict[str, Any]) -> dg.ExecuteInProcessResult:
    """Hand the rows of three days to the IO manager, by one run."""
    table = pa.Table.from_pylist(list(rows), schema=arrow_schema(CLEAN_COIN_PRICE_HISTORY))

    @dg.asset(
        key=["warehouse", "coin_price_history"],
        partitions_def=DAILY,
        backfill_policy=RANGE_IN_ONE_RUN,
        io_manager_key="store",
    )
    def history() -> Any:
        return table

    return dg.materialize(
        [history],
        tags=range_tags(DAYS[0], DAYS[-1]),
        resources={"store": io_manager},
        raise_on_error=False,
    )


def test_names_and_windows_of_partitions_are_inverse() -> None:
    """Each key that Dagster writes can be read, and a range is its partitions."""
    windows = [partition_window(day) for day in DAYS]

    assert windows == partitions_in((windows[0][0], windows[-1][1]), timedelta(days=1))
    assert DAYS == [partition_name(window) for window in windows]
    assert "2026-10-30-07:00" == partition_name(partition_window("2026-10-30-07:00"))


@pytest.mark.postgres
def test_each_day_is_published_with_its_own_ledger_row(
    postgres_io_manager: PostgresIOManager, database: str
) -> None:
    """A day without points is published as empty, which is not the same as missing."""
    result = publish(postgres_io_manager, point("a", 0), point("b", 0), point("a", 2))

    assert result.success
    assert [(DAYS[0], 2, 2, 0, 0), (DAYS[1], 0, 0, 0, 0), (DAYS[2], 1, 1, 0, 0)] == (
        warehouse.ledger(database)
    )


@pytest.mark.postgres
def test_a_bad_day_is_left_out_and_named_and_the_others_are_published(
    postgres_io_manager: PostgresIOManager, database: str
) -> None:
    """One doubled key must not hold a week back."""
    rows = [point("a", 0), point("a", 1), point("a", 1, raw_id="again"), point("a", 2)]

    result = publish(postgres_io_manager, *rows)

    assert not result.success
    (failure,) = result.get_step_failure_events()
    words = failure.step_failure_data.error.message
    assert "1 of 3 partitions were left out, the others are published" in words
    assert f"warehouse/coin_price_history {DAYS[1]}: 1 duplicate keys" in words
    assert [DAYS[0], DAYS[2]] == [row[0] for row in warehouse.ledger(database)]
