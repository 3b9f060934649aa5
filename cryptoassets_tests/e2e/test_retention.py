"""Retention deletes old partitions completely, except those that a run still needs."""

from datetime import UTC, datetime, timedelta

import dagster as dg
import pytest

from cryptoassets.embedded import dagster_instance
from cryptoassets.resources.postgres import PostgresResource
from cryptoassets.upkeep.retention import blocking_retention, bound
from cryptoassets_tests.coincap_server.fixtures import get_json
from cryptoassets_tests.e2e.platforms import Platform
from cryptoassets_tests.e2e.stores import Dump

pytestmark = [pytest.mark.spark, pytest.mark.mongo, pytest.mark.postgres]

LEDGER = """
    SELECT partition_key, expired_at IS NOT NULL FROM warehouse.loads
    WHERE asset = 'warehouse/coin_prices' ORDER BY 1
"""


@pytest.fixture
def keeping_5_days(two_hours: Platform) -> Platform:
    """An hour 40 days ago, which may be deleted, and the current hour.

    The setting keeps 5 days, and 31 more are kept because marts look back on them.
    """
    return two_hours.with_settings(CRYPTOASSETS_RETENTION_DAYS="5")


def old_hour(platform: Platform) -> str:
    """The partition that may be deleted."""
    return str(platform.stores.rows(LEDGER)[0][0])


def contents(platform: Platform) -> tuple[Dump, int, int]:
    """All rows in PostgreSQL, the number of raw documents, and the number of rows in Parquet."""
    stores = platform.stores
    return stores.dump(), len(stores.documents()), stores.cleaned().num_rows


def failure_of(platform: Platform, job: str, partition: str) -> str:
    """Run a job that must fail, and return why it failed."""
    result = platform.execute(job, partition)
    assert not result.success
    (event,) = [event for event in result.all_events if event.is_step_failure]
    return event.step_failure_data.user_failure_data.description


def test_a_dry_run_lists_partitions_and_deletes_nothing(keeping_5_days: Platform) -> None:
    """Users can see what would be deleted without risking their data."""
    before = contents(keeping_5_days)

    finished = keeping_5_days.command("retention", "--dry-run")

    assert 0 == finished.code
    assert "1 partition from before" in finished.text
    assert "would be deleted: 6 documents, 6 rows" in finished.text
    assert before == contents(keeping_5_days)


def test_retention_is_off_by_default(two_hours: Platform) -> None:
    """Nothing is deleted."""
    before = contents(two_hours)

    finished = two_hours.command("retention")

    assert (0, True) == (finished.code, "CRYPTOASSETS_RETENTION_DAYS is not set" in finished.text)
    assert before == contents(two_hours)


def test_an_old_partition_is_deleted_completely_and_not_rebuilt(keeping_5_days: Platform) -> None:
    """Rows, quarantine, Parquet and documents are deleted; ledger and marts remain."""
    hour, (dump, documents, cleaned) = old_hour(keeping_5_days), contents(keeping_5_days)

    first, second = (keeping_5_days.command("retention") for _ in range(2))

    assert (0, 0) == (first.code, second.code), first.text
    assert "1 partition from before" in first.text
    assert "0 partitions from before" in second.text
    after, documents_left, cleaned_left = contents(keeping_5_days)
    assert (documents - 6, cleaned - 6) == (documents_left, cleaned_left)
    assert [(hour, True), (keeping_5_days.stores.rows(LEDGER)[1][0], False)] == (
        keeping_5_days.stores.rows(LEDGER)
    )
    for table in ("warehouse.coin_prices", "warehouse.quarantine"):
        assert len(dump[table]) > len(after[table])
    for table in ("warehouse.coins", "marts.coin_daily", "marts.market_daily"):
        assert dump[table] == after[table]
    assert "has expired: retention deleted it" in failure_of(keeping_5_days, "process", hour)
    assert "has expired: retention deleted it" in failure_of(keeping_5_days, "marts", hour[:10])
    assert 0 == keeping_5_days.command("audit").code
    assert after == keeping_5_days.stores.dump()


def test_expired_partitions_are_not_fetched_again(keeping_5_days: Platform) -> None:
    """Neither a click in Dagster nor a backfill calls the source for expired partitions."""
    hour = old_hour(keeping_5_days)
    assert keeping_5_days.execute("history", hour[:10]).success
    keeping_5_days.command("retention")
    before, calls = contents(keeping_5_days), get_json(f"{keeping_5_days.source_url}/calls")

    reasons = [
        failure_of(keeping_5_days, job, partition)
        for job, partition in (("ingest", hour), ("history", hour[:10]))
    ]

    assert f"raw/coin_snapshots {hour} has expired: retention deleted it" in reasons[0]
    assert f"raw/coin_history {hour[:10]} has expired: retention deleted it" in reasons[1]
    assert before == contents(keeping_5_days)
    assert [] == keeping_5_days.stores.documents("coin_history")
    assert calls == get_json(f"{keeping_5_days.source_url}/calls")


def test_an_interrupted_deletion_is_reported_and_completed(keeping_5_days: Platform) -> None:
    """The rows and the Parquet were deleted, but the raw documents still exist."""
    hour = old_hour(keeping_5_days)
    documents = keeping_5_days.stores.documents()
    keeping_5_days.command("retention")
    done = contents(keeping_5_days)
    with keeping_5_days.stores.lake() as lake:
        lake["expired_partitions"].delete_many({})
        oldest = min(document["observed_at"] for document in documents)
        lake["coin_snapshots"].insert_many(
            [document for document in documents if document["observed_at"] == oldest]
        )

    audit = keeping_5_days.command("audit")
    refused = failure_of(keeping_5_days, "process", hour)
    finished = keeping_5_days.command("retention")

    assert (0, 0) == (audit.code, finished.code), audit.text
    assert f"warehouse/coin_prices {hour} is expiring" in audit.text
    assert f"warehouse/coin_prices {hour} has expired" in refused
    assert "1 partition from before" in finished.text
    assert done == contents(keeping_5_days)


def test_lost_ledger_rows_of_expired_partitions_are_restored(keeping_5_days: Platform) -> None:
    """Without these rows the ledger would differ, and `ingest` could store part of that hour."""
    keeping_5_days.command("retention")
    before = keeping_5_days.stores.dump()
    hour = old_hour(keeping_5_days)
    keeping_5_days.stores.rows("DELETE FROM warehouse.loads WHERE expired_at IS NOT NULL")

    rebuilt = keeping_5_days.command("rebuild", "--to", f"{hour[:10]}T23:59")

    assert 0 == rebuilt.code, rebuilt.text
    assert "0 of 0 partitions rebuilt from raw; expired and skipped: 1" in rebuilt.text
    assert before == keeping_5_days.stores.dump()


def test_unprocessed_documents_are_kept(keeping_5_days: Platform) -> None:
    """The content of these documents has never been published."""
    before = contents(keeping_5_days)
    keeping_5_days.stores.rows(
        "UPDATE warehouse.loads SET raw_rows = raw_rows - 1, loaded_rows = loaded_rows - 1"
    )
    ledger = keeping_5_days.stores.dump()

    finished = keeping_5_days.command("retention")

    assert 1 == finished.code
    assert f"{old_hour(keeping_5_days)} is kept: it has documents that were never" in finished.text
    assert (ledger, *before[1:]) == contents(keeping_5_days)


@pytest.mark.parametrize(
    "tags",
    [
        {"dagster/partition": "hour"},
        {
            "dagster/asset_partition_range_start": "day before",
            "dagster/asset_partition_range_end": "day after",
        },
        {"dagster/partition": "day after"},
    ],
    ids=["its hour", "a range around it", "marts that look back on it"],
)
def test_partitions_that_a_run_needs_are_kept(
    keeping_5_days: Platform, tags: dict[str, str]
) -> None:
    """The tags of an unfinished run show which partitions it may still read."""
    hour, before = old_hour(keeping_5_days), contents(keeping_5_days)
    day = datetime.fromisoformat(hour[:10])
    keys = {"hour": hour} | {
        f"day {word}": f"{day + timedelta(days=days):%Y-%m-%d}"
        for word, days in (("before", -1), ("after", 1))
    }
    run = dg.DagsterRun(
        "process",
        status=dg.DagsterRunStatus.STARTED,
        tags={name: keys[value] for name, value in tags.items()},
    )
    with keeping_5_days.applied_settings(), dagster_instance() as instance:
        instance.add_run(run)
        try:
            finished = keeping_5_days.command("retention")
        finally:
            instance.delete_run(run.run_id)

    assert (0, before) == (finished.code, contents(keeping_5_days))
    assert f"{hour} is kept: run {run.run_id} is working on it" in finished.text


def test_nothing_is_deleted_while_a_command_reads_many_partitions(keeping_5_days: Platform) -> None:
    """Between two Dagster runs of a backfill, only the backfill's lock prevents the deletion."""
    before = contents(keeping_5_days)

    with keeping_5_days.applied_settings(), blocking_retention(PostgresResource()):
        finished = keeping_5_days.command("retention")

    assert (1, before) == (finished.code, contents(keeping_5_days))
    assert "is running: nothing was deleted. A later retry can help" in finished.text


def test_days_that_marts_look_back_on_are_kept() -> None:
    """Five days can be recomputed, and the first of them depends on the 31 days before it."""
    now = datetime(2026, 11, 23, 13, 30, tzinfo=UTC)

    assert datetime(2026, 10, 18, tzinfo=UTC) == bound(now, 5)
