"""A response belongs to the hour of its timestamp, no matter which run fetched it.

In most of these tests the response belongs to the previous hour. It can also belong to the next
hour, e.g. if it was requested at 10:59:59. The same code handles this case, but it could be tested
only in the last ten minutes of an hour: timestamps farther in the future are refused.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import dagster as dg
import pytest

from cryptoassets import sensors
from cryptoassets.definitions import defs
from cryptoassets.embedded import dagster_instance
from cryptoassets.facts import Fact, facts_of
from cryptoassets.jobs import RAW_SNAPSHOTS
from cryptoassets_airflow.facts import facts_of as facts_in
from cryptoassets_tests.airflow_plugin.reading import events_of
from cryptoassets_tests.e2e.platforms import HOUR_FORMAT, CommandResult, MakePlatform, Platform

pytestmark = [pytest.mark.spark, pytest.mark.mongo, pytest.mark.postgres]

HOUR_MS = 3_600_000


@dataclass(frozen=True)
class LateRun:
    """A run that received a response with a timestamp of an hour ago."""

    platform: Platform
    finished: CommandResult
    partition: str
    cursor: str


@pytest.fixture(scope="module")
def late(make_platform: MakePlatform) -> Iterator[LateRun]:
    """One `run` whose response belongs to the previous hour."""
    with make_platform() as platform:
        platform.put_faults({"route": "/assets", "kind": "timestamp", "shift_ms": -HOUR_MS})
        with platform.applied_settings(), dagster_instance() as instance:
            newest = instance.fetch_materializations(RAW_SNAPSHOTS, limit=1).records
        cursor = str(newest[0].storage_id if newest else 0)
        partition = (datetime.now(UTC) - timedelta(hours=1)).strftime(HOUR_FORMAT)
        yield LateRun(platform, platform.command("run"), partition, cursor)


def test_the_run_that_fetched_a_late_response_publishes_it(late: LateRun) -> None:
    """Users need not know which run fetched the response."""
    rows = late.platform.stores.rows(
        "SELECT partition_key, raw_rows, loaded_rows FROM warehouse.loads "
        "WHERE asset = 'warehouse/coin_prices'"
    )

    assert 0 == late.finished.code, late.finished.text
    assert [(late.partition, 100, 100)] == rows
    assert 100 == late.platform.stores.count("warehouse.coin_prices")
    assert 0 == late.platform.command("audit").code


def test_the_hour_of_a_late_response_gets_a_materialization(late: LateRun) -> None:
    """In Dagster's UI the partition must not look empty although its rows exist."""
    with late.platform.applied_settings(), dagster_instance() as instance:
        records = instance.fetch_materializations(
            dg.AssetRecordsFilter(RAW_SNAPSHOTS, after_storage_id=int(late.cursor)), limit=9
        ).records

    made = {record.partition_key: record.asset_materialization for record in records}
    assert made[late.partition] is not None
    facts = facts_of(made[late.partition].metadata)
    assert 100 == facts[Fact.DOCUMENTS_RECEIVED]
    assert facts[Fact.IS_LATE]


def test_the_plugin_reads_the_facts_of_every_asset(late: LateRun) -> None:
    """Airflow's task log shows the row counts, and downstream tasks get the facts by name."""
    pytest.importorskip("dagster_graphql")
    with late.platform.applied_settings(), dagster_instance() as instance:
        records = instance.get_run_records(limit=3)
        runs = [events_of(instance, record.dagster_run.run_id) for record in records]
    made = [one for run in runs for one in run if one["__typename"] == "MaterializationEvent"]
    facts = {"/".join(one["assetKey"]["path"]): facts_in(one["metadataEntries"]) for one in made}

    assert 100 == facts["raw/coin_snapshots"]["documents_received"]
    assert 100 == facts["clean/coin_prices"]["valid"]
    assert 100 == facts["warehouse/coin_prices"]["rows_written"]
    assert {name for named in facts.values() for name in named} <= set(Fact)


def test_the_run_warns_if_the_clocks_differ(late: LateRun) -> None:
    """Prices are stored under the source's time; `status` shows the difference."""
    with late.platform.applied_settings(), dagster_instance() as instance:
        records = instance.fetch_materializations(
            dg.AssetRecordsFilter(RAW_SNAPSHOTS, after_storage_id=int(late.cursor)), limit=9
        ).records
    metadata = [r.asset_materialization.metadata for r in records if r.asset_materialization]
    found = [facts_of(made).get(Fact.CLOCK_DIFFERENCE_SECONDS) for made in metadata]
    (difference,) = [one for one in found if one is not None]

    assert -3630 < difference < -3590
    assert "! The source's clock is" in late.finished.text
    words = "min behind this machine's, and prices are stored under the source's time"
    assert words in late.finished.text


def test_the_sensor_requests_one_run_for_the_hour(late: LateRun) -> None:
    """If Dagster's schedule fetched the response, only the sensor processes its hour."""
    with late.platform.applied_settings(), dagster_instance() as instance:

        def tick(cursor: str | None) -> Any:
            context = dg.build_sensor_context(instance, cursor=cursor, definitions=defs)
            return sensors.late_documents.evaluate_tick(context)

        first = tick(late.cursor)
        second = tick(first.cursor)

    assert [late.partition] == [request.partition_key for request in first.run_requests or []]
    assert not second.run_requests
    assert "no late documents" == second.skip_message


def test_a_timestamp_two_days_ahead_publishes_nothing_and_the_next_run_succeeds(
    late: LateRun,
) -> None:
    """If it were published, a snapshot from the future would be the newest for two days."""
    platform, two_days = late.platform, 48 * HOUR_MS
    before = platform.stores.dump()
    platform.put_faults({"route": "/assets", "kind": "timestamp", "shift_ms": two_days})

    refused = platform.command("run")
    after = platform.stores.dump()
    platform.put_faults()
    following = platform.command("run")

    assert 1 == refused.code
    assert "bad_timestamp" in refused.text
    assert before == after
    assert 0 == following.code, following.text
