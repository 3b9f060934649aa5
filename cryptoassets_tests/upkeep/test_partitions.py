"""Listing partitions: each partition with a raw document is found, no matter how old it is."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import psycopg
import pyarrow.parquet as pq
import pytest

from cryptoassets.partitions.spans import Span
from cryptoassets.resources.mongo import MongoResource
from cryptoassets.resources.postgres import PostgresResource
from cryptoassets.schemas import HISTORY_FLOW, SNAPSHOT_FLOW
from cryptoassets.stores.clean_files import clean_store
from cryptoassets.stores.clean_folders import mark_complete
from cryptoassets.stores.mongodb import Lake
from cryptoassets.upkeep.partitions import (
    partitions_waiting,
    partitions_without_parquet,
    raw_starts,
)
from cryptoassets_tests.io_managers.damages import truncate
from cryptoassets_tests.io_managers.rows import judged, judged_row

pytestmark = [pytest.mark.mongo, pytest.mark.postgres]

HOUR, DAY = timedelta(hours=1), timedelta(days=1)
T0 = datetime(2024, 2, 28, 23, tzinfo=UTC)


def plant(lake: Lake, collection: str, *moments: datetime) -> None:
    """Insert one document per time."""
    lake[collection].insert_many(
        [
            {"_id": f"c{place}@{moment}", "observed_at": moment}
            for place, moment in enumerate(moments)
        ]
    )


def test_partitions_that_are_years_apart_are_found(lake: Lake, mongo: MongoResource) -> None:
    """Partitions may be far apart, for example if the machine was off for months."""
    wanted = [T0, T0 + HOUR, T0 + 29 * DAY, T0 + 30 * DAY, T0 + 61 * DAY, T0 + 800 * DAY]
    plant(lake, "coin_snapshots", *wanted, *(moment + 0.9 * HOUR for moment in wanted))

    assert set(wanted) == raw_starts(mongo, SNAPSHOT_FLOW)


def test_a_window_includes_its_start_and_excludes_its_end(lake: Lake, mongo: MongoResource) -> None:
    """Partitions outside the window are not returned."""
    plant(lake, "coin_history", *(T0 + HOUR + day * DAY for day in range(-1, 50)))
    start = T0 + HOUR

    found = raw_starts(mongo, HISTORY_FLOW, Span(start, start + 40 * DAY))

    assert {start + day * DAY for day in range(40)} == found


def test_documents_without_a_time_have_no_partition(lake: Lake, mongo: MongoResource) -> None:
    """Other programs may write documents without a time to the data lake."""
    plant(lake, "coin_snapshots", T0)
    lake["coin_snapshots"].insert_many([{"_id": "a"}, {"_id": "b", "observed_at": 1}])

    assert {T0} == raw_starts(mongo, SNAPSHOT_FLOW)


def publish(url: str, rows: dict[datetime, int]) -> None:
    """Insert a ledger row per hour, with this number of documents."""
    insert = (
        "INSERT INTO warehouse.loads VALUES ('warehouse/coin_prices', %s, 'r', %s, %s, 0, 0, now())"
    )
    with psycopg.connect(url) as connection:
        for hour, count in rows.items():
            connection.execute(insert, [f"{hour:%Y-%m-%d-%H:00}", count, count])


def test_hours_with_an_unpublished_document_are_waiting_however_old_they_are(
    lake: Lake, mongo: MongoResource, database: str, postgres: PostgresResource
) -> None:
    """Causes: a run killed after its fetch, a laptop that was off for days, a late response."""
    now = T0 + HOUR / 2
    hours = [T0 + number * HOUR for number in (-20_000, -19_999, -500, -499, -30, -29, -2, -1, 0)]
    plant(lake, "coin_snapshots", *hours, *(hour + HOUR / 3 for hour in hours))
    waiting = [hours[1], hours[3], hours[4], hours[7]]
    publish(database, {hour: 2 for hour in hours if hour not in waiting})
    publish(database, {waiting[0]: 1, waiting[3]: 1})
    lake["coin_snapshots"].insert_one({"_id": "has no time", "observed_at": None})

    found = partitions_waiting(mongo, postgres, SNAPSHOT_FLOW, now)

    assert waiting == [partition.start for partition in found]


def test_nothing_is_waiting_when_everything_is_published(
    lake: Lake, mongo: MongoResource, database: str, postgres: PostgresResource
) -> None:
    """Expired hours and hours whose documents were lost are not waiting: no run could help."""
    hours = [T0 + number * HOUR for number in range(-40, 1)]
    plant(lake, "coin_snapshots", *hours)
    publish(database, dict.fromkeys(hours, 1))
    lake["coin_snapshots"].delete_one({"observed_at": hours[3]})
    with psycopg.connect(database) as connection:
        connection.execute(
            "UPDATE warehouse.loads SET expired_at = now() WHERE partition_key = %s",
            [f"{hours[5]:%Y-%m-%d-%H:00}"],
        )

    assert [] == partitions_waiting(mongo, postgres, SNAPSHOT_FLOW, T0 + HOUR / 2)


@pytest.mark.parametrize("lost", [0, 1], ids=["the counts differ", "a loss hides it"])
def test_an_hour_that_was_just_fetched_is_found_even_with_an_estimated_count(
    lake: Lake, mongo: MongoResource, database: str, postgres: PostgresResource, lost: int
) -> None:
    """`status` uses the server's own count of documents, which may be wrong after a crash."""
    plant(lake, "coin_snapshots", T0, T0 - 900 * HOUR)
    publish(database, {T0 - 900 * HOUR: 1, T0 - 901 * HOUR: lost})

    found = partitions_waiting(
        mongo, postgres, SNAPSHOT_FLOW, T0 + HOUR / 2, is_estimate_enough=True
    )

    assert [T0] == [partition.start for partition in found]


def test_an_empty_lake_has_no_partition(lake: Lake, mongo: MongoResource) -> None:
    """The first `audit` may come before the first run."""
    assert set() == raw_starts(mongo, SNAPSHOT_FLOW)


def test_recent_published_hours_with_missing_or_damaged_parquet_are_found(
    lake: Lake, mongo: MongoResource, database: str, postgres: PostgresResource, clean_path: Path
) -> None:
    """After disk damage or `rm -r`, `run` recreates the last day's Parquet from raw documents."""
    whole, damaged, missing, unpublished, old = (T0 - n * HOUR for n in (1, 2, 3, 4, 30))
    plant(lake, "coin_snapshots", whole, damaged, missing, unpublished, old)
    insert = (
        "INSERT INTO warehouse.loads VALUES ('warehouse/coin_prices', %s, 'r', 1, 1, 0, 0, now())"
    )
    with psycopg.connect(database) as connection:
        for hour in (whole, damaged, missing, old):
            connection.execute(insert, [hour.strftime("%Y-%m-%d-%H:00")])
    for hour in (whole, damaged):
        folder = clean_path / "coin_prices" / hour.strftime("hour=%Y-%m-%dT%H")
        folder.mkdir(parents=True)
        pq.write_table(judged(judged_row()), folder / "part-0.parquet")
        mark_complete(clean_store()[0], str(folder), SNAPSHOT_FLOW.clean)
    truncate(folder)

    found = partitions_without_parquet(mongo, postgres, SNAPSHOT_FLOW, T0 + HOUR / 2)

    assert {hour.strftime("%Y-%m-%d-%H:00") for hour in (damaged, missing)} == found
