"""Retention: deletes old partitions from all stores; the ledger records the deletion.

What goes here: which partitions may be deleted, and in which order their parts are deleted. What
stays out: the age (a setting), and the callers (the command `retention`, and the job `retention`).

A partition's rows, quarantine, Parquet and raw documents are deleted together, in an order that
makes a kill harmless. First, one transaction deletes the rows and sets `expired_at` in the ledger;
from then on, nothing is published in this partition again. Then the data lake records that the
partition has expired, and Parquet and raw documents are deleted. After a kill, the next retention
finds and deletes what remains of the partition.
"""

from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import NamedTuple

import dagster as dg

from cryptoassets.embedded.old_runs import purge_runs
from cryptoassets.errors import StoreUnavailableError
from cryptoassets.partitions.spans import Span
from cryptoassets.resources.locks import hold_exclusive, hold_shared, lock
from cryptoassets.resources.mongo import MongoResource
from cryptoassets.resources.postgres import PostgresResource
from cryptoassets.schemas import FLOWS, flow_named
from cryptoassets.schemas.marts.coin_daily import DAYS_KEPT_BEFORE
from cryptoassets.settings import Settings
from cryptoassets.stores.clean_writing import clean_bytes, delete_clean
from cryptoassets.stores.expiry import delete_documents, expire_rows, record_expired
from cryptoassets.stores.mongodb import DEAD_LETTERS, FETCHES, count_in, count_matching
from cryptoassets.stores.mongodb import typed_errors as mongo_errors
from cryptoassets.stores.postgres_errors import typed_errors
from cryptoassets.upkeep.in_use import in_use
from cryptoassets.upkeep.partitions import (
    ALL_TIME,
    Partition,
    clean_starts,
    ledger_rows,
    partition_of,
    raw_starts,
)

_STUCK = "it has documents that were never processed; `cryptoassets rebuild` processes them"
_LOCK = "retention"
_OLD_PUBLICATIONS = "FROM warehouse.load_history WHERE published_at < %s"


class RetentionTargets(NamedTuple):
    """The stores and the Dagster instance that retention deletes from."""

    mongo: MongoResource
    postgres: PostgresResource
    instance: dg.DagsterInstance


@dataclass(frozen=True)
class Candidate:
    """A partition that is old enough to be deleted.

    Attributes:
        documents: number of raw documents.
        rows: number of rows in the table and in quarantine.
        clean_bytes: size of the partition's Parquet.
        held: why the partition is kept for now; None: it may be deleted.
        is_stuck: whether the partition is kept until a user processes its documents.
    """

    partition: Partition
    documents: int
    rows: int
    clean_bytes: int
    held: str | None = None
    is_stuck: bool = False


@dataclass(frozen=True)
class RetentionResult:
    """The result of a retention or a dry run.

    Attributes:
        before: the start of the oldest day that is kept; None: all data is kept.
        candidates: partitions before `before`; those that are not held were deleted.
        records: number of deleted dead letters, fetch records and publication records.
        runs: number of deleted Dagster runs; None: all are kept.
    """

    before: datetime | None
    candidates: list[Candidate]
    records: int
    runs: int | None


def retain(
    targets: RetentionTargets,
    before: datetime | None,
    runs_before: datetime | None,
    *,
    is_dry_run: bool,
    report: Callable[[str], object],
) -> RetentionResult:
    """Delete data that is older than the settings allow, oldest first.

    Args:
        targets: the stores and Dagster.
        before: see `bound`; None: all data is kept.
        runs_before: older Dagster runs are deleted; None: all are kept.
        is_dry_run: report what would be deleted, and delete nothing.
        report: gets progress messages.

    Raises:
        StoreUnavailableError: another process reads many partitions, or runs a retention.
    """
    found: list[Candidate] = []
    records = 0
    if before is not None:
        with exclusive_retention(targets.postgres), mongo_errors(targets.mongo.address):
            found = candidates(targets, before)
            if not is_dry_run:
                found = [_expired(targets, candidate, report) for candidate in found]
            held = [one.partition.start for one in found if one.held]
            oldest = min([before, *held])
            records = delete_fetch_records(targets.mongo, oldest, is_dry_run=is_dry_run)
            records += delete_load_history(targets.postgres, oldest, is_dry_run=is_dry_run)
    runs = None
    if runs_before is not None:
        report("Purging Dagster's runs")
        runs = len(purge_runs(targets.instance, runs_before, dry_run=is_dry_run).deleted)
    return RetentionResult(before, found, records, runs)


def _expired(
    targets: RetentionTargets, candidate: Candidate, report: Callable[[str], object]
) -> Candidate:
    if candidate.held:
        return candidate
    report(f"Deleting {candidate.partition.asset} {candidate.partition.key}")
    return replace(candidate, held=expire(targets, candidate.partition))


def bounds(settings: Settings, now: datetime) -> tuple[datetime | None, datetime | None]:
    """Return the times before which data and Dagster runs are deleted; None: all are kept."""
    days, run_days = settings.cryptoassets_retention_days, settings.dagster_runs_retention_days
    runs_before = now - timedelta(days=run_days) if run_days else None
    return bound(now, days) if days else None, runs_before


def bound(now: datetime, days: int) -> datetime:
    """Return the start of the oldest day that is kept.

    Args:
        now: current time, aware.
        days: number of whole days before today whose marts must stay computable. These marts use
            `DAYS_KEPT_BEFORE` earlier days, which are kept too.
    """
    today = now.astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    return today - timedelta(days=days + DAYS_KEPT_BEFORE)


def candidates(targets: RetentionTargets, before: datetime) -> list[Candidate]:
    """Return partitions that start before a time and still contain data, oldest first."""
    window = Span(ALL_TIME[0], before)
    found = []
    for flow in FLOWS:
        collection = targets.mongo.lake()[flow.raw.name]
        ledger = ledger_rows(targets.postgres, flow, window)
        published = {start for start, row in ledger.items() if row.expired_at is None}
        # Parquet that is not in the ledger was not written by this platform, and is kept.
        cleaned = clean_starts(flow, window) & ledger.keys()
        for start in raw_starts(targets.mongo, flow, window) | cleaned | published:
            partition = partition_of(flow, start)
            row = ledger.get(start)
            documents = count_in(collection, partition.window)
            is_stuck = row is None or (row.expired_at is None and documents > row.raw_rows)
            rows = row.loaded_rows + row.quarantined_rows if row and not row.expired_at else 0
            size = clean_bytes(flow.clean, partition.window)
            held = _STUCK if is_stuck else None
            found.append(Candidate(partition, documents, rows, size, held, is_stuck))
    running = in_use(targets.instance)
    return sorted(
        (_held_by_runs(candidate, running) for candidate in found), key=lambda c: c.partition
    )


def _held_by_runs(candidate: Candidate, running: dict[str, Span]) -> Candidate:
    for run_id, window in running.items():
        if window.overlaps(candidate.partition.window):
            return replace(candidate, held=f"run {run_id} is working on it")
    return candidate


def expire(targets: RetentionTargets, partition: Partition) -> str | None:
    """Delete one partition from all stores; this also completes a deletion that was killed.

    Returns:
        None, or why the partition was kept: a run is working on it, or new documents arrived.
    """
    flow, window = flow_named(partition.asset), partition.window
    # Checked again: a run may have started since the partitions were listed.
    current = _held_by_runs(Candidate(partition, 0, 0, 0), in_use(targets.instance))
    if current.held:
        return current.held
    with (
        typed_errors(f"expiring {partition.asset} {partition.key}", targets.postgres.address),
        targets.postgres.connect() as connection,
        connection.cursor() as cursor,
    ):
        lock(cursor, partition.asset, partition.key)
        documents = count_in(targets.mongo.lake()[flow.raw.name], window)
        row = expire_rows(cursor, flow, window, documents)
    if row is None:
        return _STUCK
    record_expired(targets.mongo.lake(), flow, partition.key, row)
    delete_clean(flow.clean, window)
    delete_documents(targets.mongo.lake(), flow, window)
    return None


def delete_fetch_records(mongo: MongoResource, before: datetime, *, is_dry_run: bool) -> int:
    """Delete dead letters and fetch records from before a time; return their number."""
    lake, old = mongo.lake(), {"fetched_at": {"$lt": before}}
    collections = [lake[name] for name in (DEAD_LETTERS, FETCHES)]
    if is_dry_run:
        return sum(count_matching(collection, old) for collection in collections)
    return sum(collection.delete_many(old).deleted_count for collection in collections)


def delete_load_history(postgres: PostgresResource, before: datetime, *, is_dry_run: bool) -> int:
    """Delete publication records from before a time; return their number.

    The ledger keeps the latest publication of each partition.
    """
    with (
        typed_errors("deleting from warehouse.load_history", postgres.address),
        postgres.connect() as connection,
    ):
        if is_dry_run:
            counted = connection.execute(f"SELECT count(*) {_OLD_PUBLICATIONS}", [before])
            return int((counted.fetchone() or (0,))[0])
        return connection.execute(f"DELETE {_OLD_PUBLICATIONS}", [before]).rowcount


@contextmanager
def blocking_retention(postgres: PostgresResource) -> Iterator[None]:
    """Block retention while the caller reads many partitions, one after the other.

    The lock ends with the connection, so a killed process blocks nothing.
    """
    # Closed without a commit, which would fail if the server has dropped the connection.
    with closing(postgres.connect()) as connection:
        with typed_errors("waiting for retention", postgres.address):
            hold_shared(connection, _LOCK)
        yield


@contextmanager
def exclusive_retention(postgres: PostgresResource) -> Iterator[None]:
    """Hold the lock of `blocking_retention` exclusively.

    Raises:
        StoreUnavailableError: another process reads many partitions, or runs a retention.
    """
    with closing(postgres.connect()) as connection:
        if not hold_exclusive(connection, _LOCK):
            raise StoreUnavailableError(
                "A backfill, a rebuild, a requeue or another retention is running: nothing was "
                "deleted. A later retry can help"
            )
        yield
