"""Finds partitions that are unchanged since their publication, from counts and checksums alone.

What goes here: what `audit` checks before it compares documents. This module counts the data lake's
documents, computes the checksums of the table's rows, and compares both with the ledger. What stays
out: the checksums themselves (in `stores.checksums`), documents and values (in `checks`).
"""

import time
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import psycopg
import pymongo
from psycopg import sql
from pymongo.collection import Collection

from cryptoassets.partitions.spans import Span, partition_around, partition_name, partition_window
from cryptoassets.resources.mongo import MongoResource
from cryptoassets.resources.postgres import PostgresResource
from cryptoassets.schemas import Flow
from cryptoassets.stores.checksums import NO_ROWS, rows_checksums, rows_in_checksum
from cryptoassets.stores.ledger import LedgerRow, ledger_of
from cryptoassets.stores.mongodb import (
    Document,
    count_all,
    count_in,
    in_window,
    oldest_or_newest_time,
)
from cryptoassets.upkeep.partitions import ALL_TIME, differing_counts

_COUNTING_SECONDS = 20.0
"""Time limit for counting partitions one by one; without a good index, this would take hours."""
_SHARE_TO_TRY = 0.05
"""Share of the time limit after which the total time is estimated from the counts so far."""


@dataclass(frozen=True)
class Published:
    """A flow's ledger and checksums from one database snapshot, by the start of a partition.

    Attributes:
        ledger: the ledger's rows.
        checksums: checksums of the current rows; a partition without rows is absent.
    """

    ledger: dict[datetime, LedgerRow]
    checksums: dict[datetime, str]

    def has_published_rows(self, start: datetime) -> bool:
        """Return whether a partition's rows are unchanged since its latest publication."""
        row, checksum = self.ledger[start], self.checksums.get(start, NO_ROWS)
        counts = (row.loaded_rows, row.quarantined_rows)
        return row.rows_checksum == checksum and rows_in_checksum(checksum) == counts

    def differing_rows(self, start: datetime) -> list[str]:
        """Describe where a partition's rows differ from its latest publication."""
        row = self.ledger.get(start)
        if row is None or row.rows_checksum is None:
            return []
        pairs = zip(
            row.rows_checksum.split(" "),
            self.checksums.get(start, NO_ROWS).split(" "),
            ("the table", "the quarantine"),
            strict=True,
        )
        return [
            f"rows of {place} have changed since they were published"
            for published, now, place in pairs
            if published != now
        ]


@dataclass(frozen=True)
class RawCounts:
    """Number of raw documents by the start of their partition.

    Attributes:
        counts: number of documents; 0 for absent partitions.
        are_exact: whether each partition was counted. If not, an extra document in one partition
            may hide a missing document in another.
        are_all: whether the collection is known to have no other documents, e.g. undated ones.
    """

    counts: dict[datetime, int]
    are_exact: bool
    are_all: bool = False


def published_and_raw(
    mongo: MongoResource, postgres: PostgresResource, flow: Flow, note: Callable[[str], object]
) -> tuple[Published, RawCounts]:
    """Read the ledger, compute the checksums of all current rows, and count the raw documents.

    MongoDB counts while PostgreSQL computes checksums, month by month.

    Args:
        mongo: the data lake.
        postgres: the warehouse.
        flow: the flow whose whole table is read.
        note: called with the month that is being read, for a progress display.
    """
    checksums: dict[str, str] = {}
    with (
        ThreadPoolExecutor(max_workers=1) as counter,
        postgres.connect() as connection,
        connection.cursor() as cursor,
    ):
        cursor.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ READ ONLY")
        ledger = ledger_of(cursor, flow)
        expected = {start: row.raw_rows for start, row in ledger.items() if row.expired_at is None}
        counting = counter.submit(raw_counts, mongo, flow, expected)
        ends = [*_ends_of_table(cursor, flow), *([min(ledger), max(ledger)] if ledger else ())]
        for month in _months(min(ends), max(ends)) if ends else ():
            note(f"{flow.asset} {month.start:%Y-%m}")
            checksums |= rows_checksums(cursor, flow, month)
        raw = counting.result()
    by_start = {partition_window(key).start: checksum for key, checksum in checksums.items()}
    return Published(ledger, by_start), raw


def published_partition(postgres: PostgresResource, flow: Flow, window: Span) -> Published:
    """Read one partition's ledger row, and compute the checksums of its current rows."""
    with postgres.connect() as connection, connection.cursor() as cursor:
        cursor.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ READ ONLY")
        checksums = rows_checksums(cursor, flow, window)
        ledger = ledger_of(cursor, flow)
    start = window.start
    return Published(
        {start: ledger[start]} if start in ledger else {},
        {start: checksums.get(partition_name(window), NO_ROWS)},
    )


def _ends_of_table(cursor: psycopg.Cursor[Any], flow: Flow) -> list[datetime]:
    table = sql.Identifier(flow.published.schema, flow.published.name)
    query = sql.SQL("SELECT min(observed_at), max(observed_at) FROM {}").format(table)
    ends = cursor.execute(query).fetchone() or ()
    return [moment.astimezone(UTC) for moment in ends if moment is not None]


def _months(first: datetime, last: datetime) -> list[Span]:
    start = datetime(first.year, first.month, 1, tzinfo=UTC)
    months = []
    while start <= last:
        following = (start + timedelta(days=32)).replace(day=1)
        months.append(Span(start, following))
        start = following
    return months


def raw_counts(
    mongo: MongoResource,
    flow: Flow,
    expected: Mapping[datetime, int],
    *,
    seconds: float = _COUNTING_SECONDS,
) -> RawCounts:
    """Count raw documents per partition.

    nx-27017, the embedded stand-in for MongoDB, reads the whole collection for each count, so
    counting each partition would take too long. In this case, windows are counted, and only those
    whose count differs from `expected` are bisected.

    Args:
        mongo: the data lake.
        flow: the kind of document.
        expected: number of documents by the start of each known partition.
        seconds: how long counting the known partitions one by one may take.
    """
    collection = mongo.lake()[flow.raw.name]
    counted = _counted_one_by_one(collection, flow, expected, seconds)
    known = dict(expected) if counted is None else counted
    if counted is None:
        known |= _differing(collection, flow, known, known)
    are_all = sum(known.values()) == count_all(collection)
    if not are_all:
        ends = (_end(collection, by) for by in (pymongo.ASCENDING, pymongo.DESCENDING))
        dated = [moment for moment in ends if moment is not None]
        known |= _differing(collection, flow, known, [*known, *dated])
    return RawCounts(known, are_exact=counted is not None, are_all=are_all)


def _end(collection: Collection[Document], by: int) -> datetime | None:
    """Return the oldest (`pymongo.ASCENDING`) or newest time of a document in any partition."""
    # Without a filter, nx-27017 reads one document; with a filter, it reads all that match.
    moment = oldest_or_newest_time(collection, {}, by)
    if moment is None or ALL_TIME.start <= moment < ALL_TIME.end:
        return moment
    return oldest_or_newest_time(collection, in_window(ALL_TIME), by)


def _differing(
    collection: Collection[Document],
    flow: Flow,
    known: Mapping[datetime, int],
    moments: Iterable[datetime],
) -> dict[datetime, int]:
    """Count, by bisection, partitions between these moments whose count differs from `known`."""
    ordered = sorted(moments)
    if not ordered:
        return {}
    window = Span(
        partition_around(ordered[0], flow.span).start,
        partition_around(ordered[-1], flow.span).end,
    )
    count = count_in(collection, window)
    return dict(differing_counts(collection, known, flow.span, window, count))


def _counted_one_by_one(
    collection: Collection[Document], flow: Flow, expected: Mapping[datetime, int], seconds: float
) -> dict[datetime, int] | None:
    """Return the number of documents of each partition; None: counting would take too long."""
    started, counts = time.monotonic(), {}
    for start in sorted(expected, reverse=True):
        counts[start] = count_in(collection, Span(start, start + flow.span))
        spent = time.monotonic() - started
        # The first count may include connecting, so it does not predict the time of later counts.
        if spent > _SHARE_TO_TRY * seconds and spent / len(counts) * len(expected) > seconds:
            return None
    return counts
