"""One run over several hours gives the same result as one run per hour; a bad hour is skipped."""

import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import dagster as dg
import pyarrow as pa
import pytest

from cryptoassets.embedded import dagster_instance
from cryptoassets.partitions.policies import range_tags
from cryptoassets_tests.e2e.platforms import HOUR_FORMAT, CommandResult, MakePlatform, Platform
from cryptoassets_tests.e2e.stores import Dump
from cryptoassets_tests.io_managers.rows import document

pytestmark = [pytest.mark.mongo, pytest.mark.postgres, pytest.mark.spark, pytest.mark.timeout(400)]

COINS = 5
# The hours span midnight, so two days of the marts are affected.
FIRST = datetime(2026, 10, 30, 22, tzinfo=UTC)
HOURS = [(FIRST + timedelta(hours=number)).strftime(HOUR_FORMAT) for number in range(3)]
RANGE = range_tags(HOURS[0], HOURS[-1])
BAD = HOURS[0]
REJECT_BAD_HOUR = f"ALTER TABLE warehouse.loads ADD CONSTRAINT bad CHECK (partition_key <> '{BAD}')"
TRUNCATE_TABLES = (
    "TRUNCATE warehouse.coins, warehouse.coin_prices, warehouse.quarantine, warehouse.loads"
)
LEDGER = "SELECT partition_key FROM warehouse.loads ORDER BY 1"
Verdicts = dict[tuple[str | None, str], bool]


def snapshot(number: int, minute: int, coins: int = COINS) -> list[dict[str, Any]]:
    """The documents of one snapshot, one per coin, taken `minute` minutes into hour `number`."""
    moment = FIRST + timedelta(hours=number, minutes=minute)
    return [
        document(
            f"coin-{coin}",
            observed_at=moment,
            payload={"priceUsd": f"{coin + 1}.{number}{minute}", "rank": str(coin + 1)},
        )
        for coin in range(coins)
    ]


def documents() -> Iterator[dict[str, Any]]:
    """Two snapshots per hour: one coin has no price, one coin occurs twice, a snapshot is cut."""
    for number in range(len(HOURS)):
        yield from snapshot(number, 5)
        yield from snapshot(number, 35, coins=1 if number == 2 else COINS)
    moment = FIRST + timedelta(hours=1, minutes=5)
    yield document("coin-9", observed_at=moment, payload={"priceUsd": None})
    later = {"fetched_at": moment + timedelta(seconds=9), "payload": {"priceUsd": "7"}}
    yield document("coin-0", observed_at=moment, **later)


@dataclass(frozen=True)
class RunResult:
    """The result of one or more runs: all tables, sorted cleaned rows, and Dagster's events."""

    dump: Dump
    cleaned: pa.Table
    verdicts: Verdicts
    row_counts: dict[tuple[str, str | None], int]
    is_success: bool


@dataclass(frozen=True)
class Events:
    """Check results by partition and check, and row counts by asset and partition."""

    verdicts: Verdicts
    row_counts: dict[tuple[str, str | None], int]


def read_events(*results: dg.ExecuteInProcessResult) -> Events:
    """Read the check results and row counts from the events of these runs."""
    events = [event for result in results for event in result.all_events]
    evaluations = [
        event.asset_check_evaluation_data
        for event in events
        if event.event_type_value == "ASSET_CHECK_EVALUATION"
    ]
    materializations = [
        event.step_materialization_data.materialization
        for event in events
        if event.is_step_materialization
    ]
    return Events(
        {(one.partition, one.check_name): one.passed for one in evaluations},
        {
            (one.asset_key.to_user_string(), one.partition): one.metadata[
                "dagster/partition_row_count"
            ].value
            for one in materializations
        },
    )


def read_result(platform: Platform, *results: dg.ExecuteInProcessResult) -> RunResult:
    """Read the stores, and the events of these runs."""
    events = read_events(*results)
    return RunResult(
        platform.stores.dump(),
        platform.stores.cleaned().sort_by("raw_id"),
        events.verdicts,
        events.row_counts,
        all(result.success for result in results),
    )


@dataclass(frozen=True)
class Scenarios:
    """The results of processing the same documents in several ways, in this order.

    Attributes:
        by_range: one run over all hours.
        by_hour: one run per hour.
        with_a_bad_hour: one run over all hours, while PostgreSQL rejects the hour `BAD`.
        ledger: the hours that this run published.
        materialized_by_bad_run: the hours that Dagster recorded as materialized by this run.
        rebuilt: `rebuild`, while PostgreSQL still rejects `BAD`.
        ledger_of_rebuilt: the hours that are published after `rebuild`.
        with_an_unfetched_hour: one run over the last hour and an hour that was never fetched.
    """

    by_range: RunResult
    by_hour: RunResult
    with_a_bad_hour: dg.ExecuteInProcessResult
    ledger: list[str]
    materialized_by_bad_run: set[str | None]
    rebuilt: CommandResult
    ledger_of_rebuilt: list[str]
    with_an_unfetched_hour: dg.ExecuteInProcessResult


def delete_results(platform: Platform) -> None:
    """Delete everything except raw documents."""
    platform.stores.rows(f"{TRUNCATE_TABLES}, marts.coin_daily, marts.market_daily")
    shutil.rmtree(platform.stores.clean)


def ledger_of(platform: Platform) -> list[str]:
    """The published hours, oldest first."""
    return [key for (key,) in platform.stores.rows(LEDGER)]


def materialized_by(platform: Platform, run_id: str, asset: str) -> set[str | None]:
    """Partitions of an asset that Dagster recorded as materialized by a run, even a failed one."""
    wanted = dg.AssetRecordsFilter(dg.AssetKey.from_user_string(asset), asset_partitions=HOURS)
    with platform.applied_settings(), dagster_instance() as instance:
        records = instance.fetch_materializations(wanted, limit=100).records
    return {record.partition_key for record in records if record.run_id == run_id}


@pytest.fixture(scope="module")
def scenarios(make_platform: MakePlatform) -> Iterator[Scenarios]:
    """Process the documents once for all tests, because each run takes seconds."""
    with make_platform(COINCAP_COINS=str(COINS)) as platform:
        with platform.stores.lake() as lake:
            lake["coin_snapshots"].insert_many(documents())
        by_range = read_result(platform, platform.execute("process", None, tags=RANGE))
        delete_results(platform)
        by_hour = read_result(platform, *(platform.execute("process", hour) for hour in HOURS))
        delete_results(platform)
        platform.stores.rows(REJECT_BAD_HOUR)
        bad = platform.execute("process", None, tags=RANGE)
        ledger = ledger_of(platform)
        published = materialized_by(platform, bad.run_id, "warehouse/coin_prices")
        rebuilt = platform.command("rebuild")
        ledger_of_rebuilt = ledger_of(platform)
        beyond = (FIRST + timedelta(hours=len(HOURS))).strftime(HOUR_FORMAT)
        with_an_unfetched_hour = platform.execute(
            "process", None, tags=range_tags(HOURS[2], beyond)
        )
        yield Scenarios(
            by_range,
            by_hour,
            bad,
            ledger,
            published,
            rebuilt,
            ledger_of_rebuilt,
            with_an_unfetched_hour,
        )


def test_one_run_gives_the_same_result_as_one_run_per_hour(scenarios: Scenarios) -> None:
    """Tables are compared byte for byte, cleaned rows one by one."""
    assert scenarios.by_range.is_success
    assert scenarios.by_hour.dump == scenarios.by_range.dump
    assert scenarios.by_hour.cleaned.equals(scenarios.by_range.cleaned)


def test_each_hour_has_its_own_check_results(scenarios: Scenarios) -> None:
    """An incomplete snapshot fails only the check of its own hour."""
    assert scenarios.by_hour.verdicts == scenarios.by_range.verdicts
    assert {(hour, name) for hour in HOURS for _, name in scenarios.by_hour.verdicts} == set(
        scenarios.by_range.verdicts
    )
    failed = {
        hour
        for (hour, name), passed in scenarios.by_range.verdicts.items()
        if not passed and name == "newest_snapshot_complete"
    }
    assert {HOURS[2]} == failed


def test_each_hour_has_a_materialization_with_its_own_count(scenarios: Scenarios) -> None:
    """A run writes `warehouse/coins` only once, so there each hour shows the run's total."""
    clean, prices = (
        [scenarios.by_range.row_counts[asset, hour] for hour in HOURS]
        for asset in ("clean/coin_prices", "warehouse/coin_prices")
    )

    assert [10, 12, 6] == clean
    assert [10, 10, 5] == prices
    assert {5} == {scenarios.by_range.row_counts["warehouse/coins", hour] for hour in HOURS}


def test_a_bad_hour_is_reported_and_the_other_hours_are_published(scenarios: Scenarios) -> None:
    """Dagster records the materializations of the other hours, although the run fails."""
    result = scenarios.with_a_bad_hour
    words = " ".join(
        str(event.step_failure_data.user_failure_data.description)
        for event in result.get_step_failure_events()
        if event.step_failure_data.user_failure_data
    )

    assert not result.success
    assert "Not published: 1 of 3 partitions (the others were published)" in words
    assert f"publishing warehouse/coin_prices {BAD}" in words
    assert [hour for hour in HOURS if hour != BAD] == scenarios.ledger
    assert set(HOURS) - {BAD} == scenarios.materialized_by_bad_run


def test_rebuild_names_the_bad_hour_and_rebuilds_the_others(scenarios: Scenarios) -> None:
    """A failing range of hours is split in half until only the bad hour is left."""
    rebuilt = scenarios.rebuilt

    assert 1 == rebuilt.code
    assert "2 of 3 partitions rebuilt from raw; failures: 1" in rebuilt.text
    assert f"✗ warehouse/coin_prices {BAD}: " in rebuilt.text
    assert [hour for hour in HOURS if hour != BAD] == scenarios.ledger_of_rebuilt


def test_rebuild_needs_one_run_for_consecutive_hours_and_summarizes_old_check_failures(
    scenarios: Scenarios,
) -> None:
    """A check that failed for an old snapshot is not a new failure."""
    text = scenarios.rebuilt.text

    hours = f"✓ warehouse/coin_prices {HOURS[1]} to {HOURS[2]}"
    assert f"{hours} 18 documents: 15 loaded, 2 quarantined, 1 superseded" in text
    assert f"✓ marts of {HOURS[0][:10]} to {HOURS[-1][:10]}" in text
    check = "clean/coin_prices newest_snapshot_complete"
    warning = f"{check} fails for 1 partition ({HOURS[2]}), because of how the documents arrived"
    assert warning in text


def test_an_hour_that_was_never_fetched_is_left_out_and_listed(scenarios: Scenarios) -> None:
    """The hour is neither published as empty nor shown as materialized by Dagster."""
    result = scenarios.with_an_unfetched_hour
    empty = "2026-10-31-01:00"
    observed = [
        event.asset_observation_data.asset_observation
        for event in result.all_events
        if event.event_type_value == "ASSET_OBSERVATION"
    ]
    events = read_events(result)

    assert result.success
    assert {"clean/coin_prices", "warehouse/coin_prices"} == {
        one.asset_key.to_user_string() for one in observed
    }
    assert all(
        f"Partitions without data, not materialized: 1 of 2: {empty}" == one.description
        for one in observed
    )
    assert {HOURS[2]} == {partition for partition, _ in events.verdicts}
    assert {HOURS[2]} == {partition for _, partition in events.row_counts}
    assert HOURS == sorted(set(scenarios.ledger) | {BAD})
