"""Promise: an answer belongs to the hour it is stamped with, whichever run fetched it.

The stamps here are of the hour before: the next hour, in which an answer fetched at 10:59:59 may
be stamped, is in reach of the tests for its last ten minutes only, and takes the same way.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import dagster as dg
import pytest

from cryptoassets import sensors
from cryptoassets.coincap.clocks import CLOCK_FACT
from cryptoassets.definitions import defs
from cryptoassets.embedded import dagster_instance
from cryptoassets.jobs import RAW_SNAPSHOTS
from cryptoassets_tests.e2e.platforms import HOUR_FORMAT, Finished, MakePlatform, Platform

pytestmark = [pytest.mark.spark, pytest.mark.mongo, pytest.mark.postgres]

HOUR_MS = 3_600_000


@dataclass(frozen=True)
class Late:
    """A run whose answer was stamped an hour ago."""

    platform: Platform
    finished: Finished
    partition: str
    cursor: str


@pytest.fixture(scope="module")
def late(make_platform: MakePlatform) -> Iterator[Late]:
    """One `run`."""
    with make_platform() as platform:
        platform.put_faults({"route": "/assets", "kind": "timestamp", "shift_ms": -HOUR_MS})
        with platform.in_force(), dagster_instance() as instance:
            newest = instance.fetch_materializations(RAW_SNAPSHOTS, limit=1).records
        cursor = str(newest[0].storage_id if newest else 0)
        partition = (datetime.now(UTC) - timedelta(hours=1)).strftime(HOUR_FORMAT)
        yield Late(platform, platform.command("run"), partition, cursor)


def test_a_late_answer_is_queryable_after_the_run_that_fetched_it(late: Late) -> None:
    """Nobody should have to know which hour's run fetched it."""
    rows = late.platform.stores.rows(
        "SELECT partition_key, raw_rows, loaded_rows FROM warehouse.loads"
    )

    assert 0 == late.finished.code, late.finished.text
    assert [(late.partition, 100, 100)] == rows
    assert 100 == late.platform.stores.count("warehouse.coin_prices")
    assert 0 == late.platform.command("audit").code


def test_the_hour_it_belongs_to_gets_a_materialization(late: Late) -> None:
    """In Dagster's UI the partition must not stay empty while its rows are there."""
    with late.platform.in_force(), dagster_instance() as instance:
        records = instance.fetch_materializations(
            dg.AssetRecordsFilter(RAW_SNAPSHOTS, after_storage_id=int(late.cursor)), limit=9
        ).records

    made = {record.partition_key: record.asset_materialization for record in records}
    assert made[late.partition] is not None
    assert 100 == made[late.partition].metadata["documents received"].value
    assert "late" in made[late.partition].metadata


def test_the_run_warns_of_a_clock_that_is_far_from_ours(late: Late) -> None:
    """Prices are filed under the source's time; the metadata keeps the difference for `status`."""
    with late.platform.in_force(), dagster_instance() as instance:
        records = instance.fetch_materializations(
            dg.AssetRecordsFilter(RAW_SNAPSHOTS, after_storage_id=int(late.cursor)), limit=9
        ).records
    metadata = [r.asset_materialization.metadata for r in records if r.asset_materialization]
    (difference,) = [m[CLOCK_FACT].value for m in metadata if CLOCK_FACT in m]

    assert -3630 < difference < -3590
    assert "! The source's clock is" in late.finished.text
    assert "min behind ours, and prices are filed under its time" in late.finished.text


def test_the_sensor_asks_once_for_the_hour_to_be_processed(late: Late) -> None:
    """Under Dagster nobody runs `process` for another hour by hand."""
    with late.platform.in_force(), dagster_instance() as instance:

        def tick(cursor: str | None) -> Any:
            context = dg.build_sensor_context(instance, cursor=cursor, definitions=defs)
            return sensors.late_documents.evaluate_tick(context)

        first = tick(late.cursor)
        second = tick(first.cursor)

    assert [late.partition] == [request.partition_key for request in first.run_requests or []]
    assert not second.run_requests
    assert "no late documents" == second.skip_message
