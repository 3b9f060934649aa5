"""Story of a range of hours: one run makes of each what its own would; a bad one is left out."""

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
    """What the source told at a minute of an hour: a price for each of some coins."""
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
    """Two snapshots an hour; a coin without a price, one told twice, and a cut answer."""
    for number in range(len(HOURS)):
        yield from snapshot(number, 5)
        yield from snapshot(number, 35, coins=1 if number == 2 else COINS)
    moment = FIRST + timedelta(hours=1, minutes=5)
    yield document("coin-9", observed_at=moment, payload={"priceUsd": None})
    later = {"fetched_at": moment + timedelta(seconds=9), "payload": {"priceUsd": "7"}}
    yield document("coin-0", observed_at=moment, **later)


@dataclass(frozen=True)
class Seen:
    """What runs left: every table, the cleaned rows in their order, what Dagster was told."""

    dump: Dump
    cleaned: pa.Table
    verdicts: Verdicts
    made: dict[tuple[str, str | None], int]
    is_success: bool


def look(platform: Platform, *results: dg.ExecuteInProcessResult) -> Seen:
    """Look at the stores and at the events of some runs."""
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
    return Seen(
        platform.stores.dump(),
        platform.stores.cleaned().sort_by("raw_id"),
        {(one.partition, one.check_name): one.passed for one in evaluations},
        {
            (one.asset_key.to_user_string(), one.partition): one.metadata[
                "dagster/partition_row_count"
            ].value
            for one in made
        },
        all(result.success for result in results),
    )


@dataclass(frozen=True)
class Story:
    """The same documents by one run, hour by hour, and with an hour that PostgreSQL refuses."""

    by_range: Seen
    by_hour: Seen
    with_a_bad_hour: dg.ExecuteInProcessResult
    ledger: list[str]
    told_of_the_bad: set[str | None]
    rebuilt: Finished
    ledger_of_rebuilt: list[str]
    with_a_hole: dg.ExecuteInProcessResult


def wipe(platform: Platform) -> None:
    """Leave nothing but raw documents."""
    platform.stores.rows(f"{WIPING}, marts.coin_daily, marts.market_daily")
    shutil.rmtree(platform.stores.clean)


def ledger_of(platform: Platform) -> list[str]:
    """Published hours."""
    return [key for (key,) in platform.stores.rows(LEDGER)]


def made_by(platform: Platform, run_id: str, asset: str) -> set[str | None]:
    """Partitions of an asset that Dagster's log says a run made, whatever became of the run."""
    wanted = dg.AssetRecordsFilter(dg.AssetKey.from_user_string(asset), asset_partitions=HOURS)
    with platform.in_force(), dagster_instance() as instance:
        records = instance.fetch_materializations(wanted, limit=100).records
    return {record.partition_key for record in records if record.run_id == run_id}


@pytest.fixture(scope="module")
def story(make_platform: MakePlatform) -> Iterator[Story]:
    """Told once: each run costs seconds."""
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
        told = made_by(made, bad.run_id, "warehouse/coin_prices")
        rebuilt = made.command("rebuild")
        ledger_of_rebuilt = ledger_of(made)
        beyond = (FIRST + timedelta(hours=len(HOURS))).strftime(HOUR_FORMAT)
        with_a_hole = made.execute("process", None, tags=range_tags(HOURS[2], beyond))
        yield Story(by_range, by_hour, bad, ledger, told, rebuilt, ledger_of_rebuilt, with_a_hole)


def test_one_run_leaves_what_a_run_an_hour_leaves(story: Story) -> None:
    """Tables to the byte, cleaned rows one by one, ledger and quarantine included."""
    assert story.by_range.is_success
    assert story.by_hour.dump == story.by_range.dump
    assert story.by_hour.cleaned.equals(story.by_range.cleaned)


def test_each_hour_has_check_results_of_its_own(story: Story) -> None:
    """The cut answer is a fault of its hour, and of no other."""
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


def test_each_hour_is_materialized_with_its_own_count(story: Story) -> None:
    """Coins are merged once, so their count is that of the run."""
    clean, prices = (
        [story.by_range.made[asset, hour] for hour in HOURS]
        for asset in ("clean/coin_prices", "warehouse/coin_prices")
    )

    assert [10, 12, 6] == clean
    assert [10, 10, 5] == prices
    assert {5} == {story.by_range.made["warehouse/coins", hour] for hour in HOURS}


def test_a_bad_hour_is_left_out_and_named_and_the_others_are_published(story: Story) -> None:
    """Dagster knows of the others, though the run failed."""
    result = story.with_a_bad_hour
    words = " ".join(
        str(event.step_failure_data.user_failure_data.description)
        for event in result.get_step_failure_events()
        if event.step_failure_data.user_failure_data
    )

    assert not result.success
    assert "1 of 3 partitions were left out, the others are published" in words
    assert f"publishing warehouse/coin_prices {BAD}" in words
    assert [hour for hour in HOURS if hour != BAD] == story.ledger
    assert set(HOURS) - {BAD} == story.told_of_the_bad


def test_rebuild_names_the_bad_hour_and_makes_the_others(story: Story) -> None:
    """A stretch that fails is halved until it is that hour alone."""
    rebuilt = story.rebuilt

    assert 1 == rebuilt.code
    assert "2 of 3 partitions made again from raw; 1 things failed" in rebuilt.text
    assert f"✗ warehouse/coin_prices {BAD}: " in rebuilt.text
    assert [hour for hour in HOURS if hour != BAD] == story.ledger_of_rebuilt


def test_rebuild_makes_adjoining_hours_by_one_run_and_sums_up_the_past(story: Story) -> None:
    """What a person should have known then is no failure of today."""
    text = story.rebuilt.text

    stretch = f"✓ warehouse/coin_prices {HOURS[1]} to {HOURS[2]}"
    assert f"{stretch} 18 documents: 15 loaded, 2 quarantined, 1 superseded" in text
    assert f"✓ marts of {HOURS[0][:10]} to {HOURS[-1][:10]}" in text
    check = "clean/coin_prices newest_snapshot_complete"
    assert f"In the past: {check} fails for 1 partitions ({HOURS[2]})" in text


def test_an_hour_that_nobody_fetched_is_not_published_as_empty(story: Story) -> None:
    """Missing is not empty: the range is refused, the hour named."""
    (failure,) = story.with_a_hole.get_step_failure_events()
    words = str(failure.step_failure_data.user_failure_data)

    assert "raw/coin_snapshots has nothing of 1 of 2 partitions" in words
    assert "2026-10-31-01:00" in words
    assert HOURS == sorted(set(story.ledger) | {BAD})
