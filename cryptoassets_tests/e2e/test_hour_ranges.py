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
from cryptoassets_tests.e2e.platforms import HOUR_FORMAT, Finished, MakePlatform, Platform
from cryptoassets_tests.e2e.stores import Dump
from cryptoassets_tests.io_managers.rows import document

pytestmark = [pytest.mark.mongo, pytest.mark.postgres, pytest.mark.spark, pytest.mark.timeout(400)]

COINS = 5
# Over midnight, so that two days of the marts are touched.
FIRST = datetime(2026, 10, 30, 22, tzinfo=UTC)
HOURS = [(FIRST + timedelta(hours=number)).strftime(HOUR_FORMAT) for number in range(3)]
RANGE = range_tags(HOURS[0], HOURS[-1])
BAD = HOURS[0]
REFUSING = f"ALTER TABLE warehouse.loads ADD CONSTRAINT bad CHECK (partition_key <> '{BAD}')"
WIPING = "TRUNCATE warehouse.coins, warehouse.coin_prices, warehouse.quarantine, warehouse.loads"
LEDGER = "SELECT partition_key FROM warehouse.loads ORDER BY 1"
Verdicts = dict[tuple[str | None, str], bool]


def snapshot(number: int, minute: int, coins: int = COINS) -> list[dict[str, Any]]:
    """The answer of the source at a minute of an hour: one price per coin."""
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
    """Two snapshots per hour; one coin has no price, one occurs twice, one answer is cut."""
    for number in range(len(HOURS)):
        yield from snapshot(number, 5)
        yield from snapshot(number, 35, coins=1 if number == 2 else COINS)
    moment = FIRST + timedelta(hours=1, minutes=5)
    yield document("coin-9", observed_at=moment, payload={"priceUsd": None})
    later = {"fetched_at": moment + timedelta(seconds=9), "payload": {"priceUsd": "7"}}
    yield document("coin-0", observed_at=moment, **later)


@dataclass(frozen=True)
class Seen:
    """The result of runs: every table, the ordered cleaned rows, Dagster's events."""

    dump: Dump
    cleaned: pa.Table
    verdicts: Verdicts
    made: dict[tuple[str, str | None], int]
    is_success: bool


@dataclass(frozen=True)
class Events:
    """Results of checks, and row counts of materializations, by partition."""

    verdicts: Verdicts
    rows: dict[tuple[str, str | None], int]


def look_at_events(*results: dg.ExecuteInProcessResult) -> Events:
    """Read the events of some runs."""
    events = [event for result in results for event in result.all_events]
    evaluations = [
        event.asset_check_evaluation_data
        for event in events
        if event.event_type_value == "ASSET_CHECK_EVALUATION"
    ]
    made = [
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
            for one in made
        },
    )


def look(platform: Platform, *results: dg.ExecuteInProcessResult) -> Seen:
    """Read the stores and the events of some runs."""
    events = look_at_events(*results)
    return Seen(
        platform.stores.dump(),
        platform.stores.cleaned().sort_by("raw_id"),
        events.verdicts,
        events.rows,
        all(result.success for result in results),
    )


@dataclass(frozen=True)
class Story:
    """The same documents by one run, by one per hour, and with an hour that PostgreSQL refuses."""

    by_range: Seen
    by_hour: Seen
    with_a_bad_hour: dg.ExecuteInProcessResult
    ledger: list[str]
    made_by_bad_run: set[str | None]
    rebuilt: Finished
    ledger_of_rebuilt: list[str]
    with_a_hole: dg.ExecuteInProcessResult


def wipe(platform: Platform) -> None:
    """Delete everything except raw documents."""
    platform.stores.rows(f"{WIPING}, marts.coin_daily, marts.market_daily")
    shutil.rmtree(platform.stores.clean)


def ledger_of(platform: Platform) -> list[str]:
    """Published hours."""
    return [key for (key,) in platform.stores.rows(LEDGER)]


def made_by(platform: Platform, run_id: str, asset: str) -> set[str | None]:
    """Partitions of an asset that a run materialized according to Dagster, even if it failed."""
    wanted = dg.AssetRecordsFilter(dg.AssetKey.from_user_string(asset), asset_partitions=HOURS)
    with platform.in_force(), dagster_instance() as instance:
        records = instance.fetch_materializations(wanted, limit=100).records
    return {record.partition_key for record in records if record.run_id == run_id}


@pytest.fixture(scope="module")
def story(make_platform: MakePlatform) -> Iterator[Story]:
    """Run once, because each run takes seconds."""
    with make_platform(COINCAP_COINS=str(COINS)) as made:
        with made.stores.lake() as lake:
            lake["coin_snapshots"].insert_many(documents())
        by_range = look(made, made.execute("process", None, tags=RANGE))
        wipe(made)
        by_hour = look(made, *(made.execute("process", hour) for hour in HOURS))
        wipe(made)
        made.stores.rows(REFUSING)
        bad = made.execute("process", None, tags=RANGE)
        ledger = ledger_of(made)
        published = made_by(made, bad.run_id, "warehouse/coin_prices")
        rebuilt = made.command("rebuild")
        ledger_of_rebuilt = ledger_of(made)
        beyond = (FIRST + timedelta(hours=len(HOURS))).strftime(HOUR_FORMAT)
        with_a_hole = made.execute("process", None, tags=range_tags(HOURS[2], beyond))
        yield Story(
            by_range, by_hour, bad, ledger, published, rebuilt, ledger_of_rebuilt, with_a_hole
        )


def test_one_run_gives_the_same_result_as_one_run_per_hour(story: Story) -> None:
    """Tables byte for byte, and the cleaned rows one by one."""
    assert story.by_range.is_success
    assert story.by_hour.dump == story.by_range.dump
    assert story.by_hour.cleaned.equals(story.by_range.cleaned)


def test_each_hour_has_its_own_check_results(story: Story) -> None:
    """The cut answer fails the check of its hour only."""
    assert story.by_hour.verdicts == story.by_range.verdicts
    assert {(hour, name) for hour in HOURS for _, name in story.by_hour.verdicts} == set(
        story.by_range.verdicts
    )
    cut = {
        hour
        for (hour, name), passed in story.by_range.verdicts.items()
        if not passed and name == "newest_snapshot_complete"
    }
    assert {HOURS[2]} == cut


def test_each_hour_has_a_materialization_with_its_own_count(story: Story) -> None:
    """Coins are merged once, so their count is that of the run."""
    clean, prices = (
        [story.by_range.made[asset, hour] for hour in HOURS]
        for asset in ("clean/coin_prices", "warehouse/coin_prices")
    )

    assert [10, 12, 6] == clean
    assert [10, 10, 5] == prices
    assert {5} == {story.by_range.made["warehouse/coins", hour] for hour in HOURS}


def test_a_bad_hour_is_skipped_and_named_and_the_others_are_published(story: Story) -> None:
    """Dagster records the others, although the run failed."""
    result = story.with_a_bad_hour
    words = " ".join(
        str(event.step_failure_data.user_failure_data.description)
        for event in result.get_step_failure_events()
        if event.step_failure_data.user_failure_data
    )

    assert not result.success
    assert "1 of 3 partitions were not published; the others were" in words
    assert f"publishing warehouse/coin_prices {BAD}" in words
    assert [hour for hour in HOURS if hour != BAD] == story.ledger
    assert set(HOURS) - {BAD} == story.made_by_bad_run


def test_rebuild_names_the_bad_hour_and_rebuilds_the_others(story: Story) -> None:
    """A stretch that fails is halved until only that hour is left."""
    rebuilt = story.rebuilt

    assert 1 == rebuilt.code
    assert "2 of 3 partitions rebuilt from raw; failures: 1" in rebuilt.text
    assert f"✗ warehouse/coin_prices {BAD}: " in rebuilt.text
    assert [hour for hour in HOURS if hour != BAD] == story.ledger_of_rebuilt


def test_rebuild_needs_one_run_for_consecutive_hours_and_sums_up_old_checks(
    story: Story,
) -> None:
    """A check that failed for an old snapshot is not a new failure."""
    text = story.rebuilt.text

    stretch = f"✓ warehouse/coin_prices {HOURS[1]} to {HOURS[2]}"
    assert f"{stretch} 18 documents: 15 loaded, 2 quarantined, 1 superseded" in text
    assert f"✓ marts of {HOURS[0][:10]} to {HOURS[-1][:10]}" in text
    check = "clean/coin_prices newest_snapshot_complete"
    assert f"In the past: {check} fails for 1 partitions ({HOURS[2]})" in text


def test_an_hour_that_was_never_fetched_is_left_out_and_listed(story: Story) -> None:
    """The hour is neither published as empty nor shown as materialized by Dagster."""
    result = story.with_a_hole
    empty = "2026-10-31-01:00"
    observed = [
        event.asset_observation_data.asset_observation
        for event in result.all_events
        if event.event_type_value == "ASSET_OBSERVATION"
    ]
    events = look_at_events(result)

    assert result.success
    assert {"clean/coin_prices", "warehouse/coin_prices"} == {
        one.asset_key.to_user_string() for one in observed
    }
    assert all(
        f"1 of 2 partitions have no data and are not materialized: {empty}" == one.description
        for one in observed
    )
    assert {HOURS[2]} == {partition for partition, _ in events.verdicts}
    assert {HOURS[2]} == {partition for _, partition in events.rows}
    assert HOURS == sorted(set(story.ledger) | {BAD})
