"""Old partitions deleted whole: rows, quarantine, Parquet and raw documents; the ledger remembers.

What goes here: which partitions may go, and the order in which each goes. What stays out: how old
is old (a setting), and who asks (the verb `retention`, the job of that name).

The order makes a kill harmless: one transaction deletes the rows and stamps the ledger, and from
then on nothing is published there again; then the lake notes it, and Parquet and raw documents
follow. What a kill leaves is found by its stamp, and goes first the next time.
"""

from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import NamedTuple

import dagster as dg

from cryptoassets.embedded.old_runs import purge_runs
from cryptoassets.errors import StoreUnavailableError
from cryptoassets.io_managers.clean_writing import clean_bytes, delete_clean
from cryptoassets.io_managers.expiry import delete_documents, expire_rows, note_expired
from cryptoassets.partitions.spans import Span
from cryptoassets.resources.locks import hold_alone, hold_shared, lock
from cryptoassets.resources.mongo import MongoResource
from cryptoassets.resources.postgres import PostgresResource
from cryptoassets.schemas import FLOWS
from cryptoassets.settings import Settings
from cryptoassets.stores.mongodb import DEAD_LETTERS, FETCHES, count_in, count_matching
from cryptoassets.stores.mongodb import typed_errors as mongo_errors
from cryptoassets.stores.postgres_errors import typed_errors
from cryptoassets.transforms.marts import LOOKBACK_DAYS
from cryptoassets.upkeep.in_use import in_use
from cryptoassets.upkeep.partitions import (
    EVER,
    Partition,
    clean_starts,
    ledger_rows,
    partition_of,
    raw_starts,
)

_STUCK = "it has documents that were never processed; `cryptoassets rebuild` does it"
_LOCK = "retention"
_OLD_PUBLICATIONS = "FROM warehouse.load_history WHERE published_at < %s"
_FLOWS = {flow.asset: flow for flow in FLOWS}


class Where(NamedTuple):
    """What retention works on."""

    mongo: MongoResource
    postgres: PostgresResource
    instance: dg.DagsterInstance


@dataclass(frozen=True)
class Candidate:
    """A partition before the bound.

    Attributes:
        documents: raw documents.
        rows: in the table and in quarantine.
        clean_bytes: of its Parquet.
        held: why it stays for now; None: it may go.
        is_stuck: whether it stays until somebody does something.
    """

    partition: Partition
    documents: int
    rows: int
    clean_bytes: int
    held: str | None = None
    is_stuck: bool = False


@dataclass(frozen=True)
class Swept:
    """What retention did, or would do.

    Attributes:
        before: the start of the oldest day that stays; None: all data is kept.
        candidates: partitions before it; those that are not held are gone.
        records: of fetches and publications, and dead letters, that went.
        runs: of Dagster's that went; None: all are kept.
    """

    before: datetime | None
    candidates: list[Candidate]
    records: int
    runs: int | None


def retain(
    where: Where,
    before: datetime | None,
    runs_before: datetime | None,
    *,
    is_dry_run: bool,
    report: Callable[[str], object],
) -> Swept:
    """Delete what is older than the settings keep, oldest first.

    Args:
        where: the stores and Dagster.
        before: see `bound`; None: all data is kept.
        runs_before: age from which Dagster's runs go; None: all are kept.
        is_dry_run: say what would go, and delete nothing.
        report: gets what goes on.

    Raises:
        StoreUnavailableError: something is at work that reads many partitions.
    """
    found: list[Candidate] = []
    records = 0
    if before is not None:
        with only_retention(where.postgres), mongo_errors(where.mongo.address):
            found = candidates(where, before)
            if not is_dry_run:
                found = [_expired(where, candidate, report) for candidate in found]
            stays = [one.partition.start for one in found if one.held]
            oldest = min([before, *stays])
            records = sweep(where.mongo, oldest, is_dry_run=is_dry_run)
            records += sweep_load_history(where.postgres, oldest, is_dry_run=is_dry_run)
    runs = None
    if runs_before is not None:
        report("Purging Dagster's runs")
        runs = len(purge_runs(where.instance, runs_before, dry_run=is_dry_run).deleted)
    return Swept(before, found, records, runs)


def _expired(where: Where, candidate: Candidate, report: Callable[[str], object]) -> Candidate:
    if candidate.held:
        return candidate
    report(f"Deleting {candidate.partition.asset} {candidate.partition.key}")
    return replace(candidate, held=expire(where, candidate.partition))


def bounds(settings: Settings, now: datetime) -> tuple[datetime | None, datetime | None]:
    """From when on data stays, and Dagster's runs; None: all of it. For `retain`."""
    days, run_days = settings.cryptoassets_retention_days, settings.dagster_runs_retention_days
    runs_before = now - timedelta(days=run_days) if run_days else None
    return bound(now, days) if days else None, runs_before


def bound(now: datetime, days: int) -> datetime:
    """The start of the oldest day that stays.

    Args:
        now: aware.
        days: whole days before today whose marts can be made again; these look back on
            `LOOKBACK_DAYS` more, which stay too.
    """
    today = now.astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    return today - timedelta(days=days + LOOKBACK_DAYS)


def candidates(where: Where, before: datetime) -> list[Candidate]:
    """Partitions that lie before a moment and still hold something, oldest first."""
    window = Span(EVER[0], before)
    found = []
    for flow in FLOWS:
        collection = where.mongo.lake()[flow.raw.name]
        ledger = ledger_rows(where.postgres, flow, window)
        standing = {start for start, row in ledger.items() if row.expired_at is None}
        # Parquet that nothing else knows of is not ours to judge.
        cleaned = clean_starts(flow, window) & ledger.keys()
        for start in raw_starts(where.mongo, flow, window) | cleaned | standing:
            partition = partition_of(flow, start)
            row = ledger.get(start)
            documents = count_in(collection, partition.window)
            is_stuck = row is None or (row.expired_at is None and documents > row.raw_rows)
            rows = row.loaded_rows + row.quarantined_rows if row and not row.expired_at else 0
            size = clean_bytes(flow.clean, partition.window)
            held = _STUCK if is_stuck else None
            found.append(Candidate(partition, documents, rows, size, held, is_stuck))
    running = in_use(where.instance)
    return sorted(
        (_held_by_runs(candidate, running) for candidate in found), key=lambda c: c.partition
    )


def _held_by_runs(candidate: Candidate, running: dict[str, Span]) -> Candidate:
    start, end = candidate.partition.window
    for run_id, window in running.items():
        if start < window[1] and window[0] < end:
            return replace(candidate, held=f"run {run_id} is at work on it")
    return candidate


def expire(where: Where, partition: Partition) -> str | None:
    """Delete one partition from all stores; also finishes what a kill left half done.

    Returns:
        None, or why it was left: a run began to work on it, or documents came.
    """
    flow, window = _FLOWS[partition.asset], partition.window
    # Asked again: a run may have begun since the partitions were listed.
    again = _held_by_runs(Candidate(partition, 0, 0, 0), in_use(where.instance))
    if again.held:
        return again.held
    with (
        typed_errors(f"expiring {partition.asset} {partition.key}", where.postgres.address),
        where.postgres.connect() as connection,
        connection.cursor() as cursor,
    ):
        lock(cursor, partition.asset, partition.key)
        documents = count_in(where.mongo.lake()[flow.raw.name], window)
        row = expire_rows(cursor, flow, window, documents)
    if row is None:
        return _STUCK
    note_expired(where.mongo.lake(), flow, partition.key, row)
    delete_clean(flow.clean, window)
    delete_documents(where.mongo.lake(), flow, window)
    return None


def sweep(mongo: MongoResource, before: datetime, *, is_dry_run: bool) -> int:
    """Delete dead letters and records of fetches from before a moment; returns how many."""
    lake, old = mongo.lake(), {"fetched_at": {"$lt": before}}
    collections = [lake[name] for name in (DEAD_LETTERS, FETCHES)]
    if is_dry_run:
        return sum(count_matching(collection, old) for collection in collections)
    return sum(collection.delete_many(old).deleted_count for collection in collections)


def sweep_load_history(postgres: PostgresResource, before: datetime, *, is_dry_run: bool) -> int:
    """Delete records of publications from before a moment; returns how many.

    The ledger keeps the latest one of each partition.
    """
    with (
        typed_errors("sweeping warehouse.load_history", postgres.address),
        postgres.connect() as connection,
    ):
        if is_dry_run:
            counted = connection.execute(f"SELECT count(*) {_OLD_PUBLICATIONS}", [before])
            return int((counted.fetchone() or (0,))[0])
        return connection.execute(f"DELETE {_OLD_PUBLICATIONS}", [before]).rowcount


@contextmanager
def keeping_retention_off(postgres: PostgresResource) -> Iterator[None]:
    """Let no partition expire meanwhile: for what reads many, one after the other.

    The lock is the connection's: a killed process holds nothing up.
    """
    # Closed, not committed: a connection that the server has dropped meanwhile is no failure.
    with closing(postgres.connect()) as connection:
        with typed_errors("waiting for retention", postgres.address):
            hold_shared(connection, _LOCK)
        yield


@contextmanager
def only_retention(postgres: PostgresResource) -> Iterator[None]:
    """Hold the lock that others keep retention off with.

    Raises:
        StoreUnavailableError: something reads many partitions, or another retention is at work.
    """
    with closing(postgres.connect()) as connection:
        if not hold_alone(connection, _LOCK):
            raise StoreUnavailableError(
                "A backfill, a rebuild, a requeue or another retention is under way: nothing was "
                "deleted. A later retry can help"
            )
        yield
