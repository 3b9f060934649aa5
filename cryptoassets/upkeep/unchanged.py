"""Which partitions are as their publication left them, by counts and checksums alone.

What goes here: what `audit` asks before it compares documents: counts of the lake, checksums of the
table made again from its rows, and both beside the ledger. What stays out: the checksums themselves
(in `stores.checksums`), documents and values (in `checks`).
"""

import time
from collections.abc import Callable, Mapping
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
from cryptoassets.stores.mongodb import Document, count_in, end_of_times, in_window
from cryptoassets.upkeep.partitions import EVER, differing_counts

_COUNTING_SECONDS = 20.0
"""Counting partitions one by one may take that long; a server without a good index takes hours."""
_SHARE_TO_TRY = 0.05


@dataclass(frozen=True)
class Published:
    """Ledger and table of a flow in one snapshot, by the start of a partition.

    Attributes:
        ledger: its rows.
        checksums: of the rows that are there now; a partition without any is left out.
    """

    ledger: dict[datetime, LedgerRow]
    checksums: dict[datetime, str]

    def has_rows_of_ledger(self, start: datetime) -> bool:
        """Whether the rows of a partition are those that its latest publication left."""
        row, checksum = self.ledger[start], self.checksums.get(start, NO_ROWS)
        counts = (row.loaded_rows, row.quarantined_rows)
        return row.rows_checksum == checksum and rows_in_checksum(checksum) == counts

    def differing_rows(self, start: datetime) -> list[str]:
        """Say where the rows of a partition are not those that its latest publication left."""
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
            f"rows of {place} are not those that were published"
            for published, now, place in pairs
            if published != now
        ]


def published_partitions(
    postgres: PostgresResource, flow: Flow, note: Callable[[str], object]
) -> Published:
    """Read the ledger, and make the checksums of all rows again, a month at a time.

    Args:
        postgres: the warehouse.
        flow: whose table is read, all of it.
        note: called with the month that is being read, for a progress display.
    """
    checksums: dict[str, str] = {}
    with postgres.connect() as connection, connection.cursor() as cursor:
        cursor.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ READ ONLY")
        ledger = ledger_of(cursor, flow)
        ends = [*_ends_of_table(cursor, flow), *([min(ledger), max(ledger)] if ledger else ())]
        for month in _months(min(ends), max(ends)) if ends else ():
            note(f"{flow.asset} {month.start:%Y-%m}")
            checksums |= rows_checksums(cursor, flow, month)
    return Published(ledger, {partition_window(key).start: sum_ for key, sum_ in checksums.items()})


def published_partition(postgres: PostgresResource, flow: Flow, window: Span) -> Published:
    """The same for one partition."""
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


@dataclass(frozen=True)
class RawCounts:
    """Raw documents by the start of their partition.

    Attributes:
        counts: documents; none where a partition is left out.
        are_exact: each partition was counted; else a document too many in one partition may hide
            one that is missing in another.
    """

    counts: dict[datetime, int]
    are_exact: bool


def raw_counts(
    mongo: MongoResource,
    flow: Flow,
    expected: Mapping[datetime, int],
    *,
    seconds: float = _COUNTING_SECONDS,
) -> RawCounts:
    """Count raw documents, partition by partition.

    A server that reads its whole collection for each count, as the embedded stand-in does, is asked
    for ever shorter windows instead, and only where a longer one differs from the ledger.

    Args:
        mongo: the lake.
        flow: the kind of document.
        expected: documents by the start of each partition that is known.
        seconds: how long counting these one by one may take.
    """
    collection = mongo.lake()[flow.raw.name]
    counted = _counted_one_by_one(collection, flow, expected, seconds)
    known = dict(expected) if counted is None else counted
    ends = [
        *known,
        *(
            end_of_times(collection, in_window(EVER), by)
            for by in (pymongo.ASCENDING, pymongo.DESCENDING)
        ),
    ]
    moments = [moment for moment in ends if moment is not None]
    if moments:
        window = Span(
            partition_around(min(moments), flow.span).start,
            partition_around(max(moments), flow.span).end,
        )
        count = count_in(collection, window)
        known |= dict(differing_counts(collection, known, flow.span, window, count))
    return RawCounts(known, counted is not None)


def _counted_one_by_one(
    collection: Collection[Document], flow: Flow, expected: Mapping[datetime, int], seconds: float
) -> dict[datetime, int] | None:
    """The documents of each partition; None: it would take too long."""
    began, counts = time.monotonic(), {}
    for start in sorted(expected, reverse=True):
        counts[start] = count_in(collection, Span(start, start + flow.span))
        spent = time.monotonic() - began
        # The first count may have to connect: it says nothing of the others.
        if spent > _SHARE_TO_TRY * seconds and spent / len(counts) * len(expected) > seconds:
            return None
    return counts
