"""A run over several days publishes each day separately and skips bad days."""

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
    """A valid row of clean/coin_price_history, the given number of days after the first day."""
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
    """Publish the rows of three days in one run."""
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


def test_partition_names_and_windows_can_be_converted_into_each_other() -> None:
    """Dagster's partition keys can be parsed, and a range can be split into its partitions."""
    windows = [partition_window(day) for day in DAYS]

    assert windows == partitions_in((windows[0][0], windows[-1][1]), timedelta(days=1))
    assert DAYS == [partition_name(window) for window in windows]
    assert "2026-10-30-07:00" == partition_name(partition_window("2026-10-30-07:00"))


@pytest.mark.postgres
def test_each_day_is_published_with_its_own_ledger_row(
    postgres_io_manager: PostgresIOManager, database: str
) -> None:
    """A day without points is published as empty, which differs from missing."""
    result = publish(postgres_io_manager, point("a", 0), point("b", 0), point("a", 2))

    assert result.success
    assert [(DAYS[0], 2, 2, 0, 0), (DAYS[1], 0, 0, 0, 0), (DAYS[2], 1, 1, 0, 0)] == (
        warehouse.ledger(database)
    )


@pytest.mark.postgres
def test_a_bad_day_is_named_and_the_other_days_are_published(
    postgres_io_manager: PostgresIOManager, database: str
) -> None:
    """One duplicate key must not block the other days."""
    rows = [point("a", 0), point("a", 1), point("a", 1, raw_id="again"), point("a", 2)]

    result = publish(postgres_io_manager, *rows)

    assert not result.success
    (failure,) = result.get_step_failure_events()
    message = failure.step_failure_data.error.message
    assert "Not published: 1 of 3 partitions (the others were published)" in message
    assert f"warehouse/coin_price_history {DAYS[1]}: 1 duplicate keys" in message
    assert [DAYS[0], DAYS[2]] == [row[0] for row in warehouse.ledger(database)]
