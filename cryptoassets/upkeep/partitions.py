"""Which partitions the stores hold, asked along indexes and listings.

What goes here: partitions by their start, store by store. What stays out: what is in them (in
`checks.places`).
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, fields
from datetime import UTC, datetime, timedelta
from typing import Any

import psycopg
import pymongo
from psycopg import sql
from pyarrow import fs
from pymongo.collection import Collection

from cryptoassets.io_managers.clean_folders import folder_of, is_whole
from cryptoassets.partitions.spans import (
    Span,
    folder_window,
    partition_around,
    partition_name,
    partition_window,
)
from cryptoassets.resources.clean_files import clean_store
from cryptoassets.resources.mongo import MongoResource
from cryptoassets.resources.postgres import PostgresResource
from cryptoassets.schemas import SNAPSHOT_FLOW, Flow
from cryptoassets.stores.documents import time_of
from cryptoassets.stores.mongodb import Document, count_all, count_in, end_of_times, in_window

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
EVER = Span(_EPOCH, datetime(9999, 1, 1, tzinfo=UTC))
"""The window that leaves nothing out."""
_FIRST = datetime(2018, 1, 1, tzinfo=UTC)
"""Dagster knows no partition before it."""
_SLICE = timedelta(days=30)
"""Of snapshots every 5 s, the distinct times stay below MongoDB's 16 MB for an answer."""


@dataclass(frozen=True, order=True)
class Partition:
    """One partition of a flow, by its start; sorts by time."""

    start: datetime
    asset: str
    span: timedelta

    @property
    def window(self) -> Span:
        """Start and end."""
        return Span(self.start, self.start + self.span)

    @property
    def key(self) -> str:
        """Dagster's key."""
        return partition_name(self.window)

    @property
    def day(self) -> datetime:
        """The UTC day that it lies in."""
        return self.start.replace(hour=0)


def partition_of(flow: Flow, start: datetime) -> Partition:
    """The partition of a flow that starts there."""
    return Partition(start, flow.asset, flow.span)


def raw_starts(mongo: MongoResource, flow: Flow, window: Span = EVER) -> set[datetime]:
    """Starts of partitions with raw documents, by the distinct times of snapshots or points."""
    collection = mongo.lake()[flow.raw.name]
    return {
        partition_around(moment, flow.span)[0]
        for part in _slices(collection, window)
        for moment in map(time_of, collection.distinct("observed_at", in_window(part)))
        if moment is not None and part[0] <= moment < part[1]
    }


def _slices(collection: Collection[Document], window: Span) -> Iterator[Span]:
    """Cut the part of a window that holds documents, so that distinct times fit into an answer."""
    start, last = (
        end_of_times(collection, in_window(window), order) or window[1]
        for order in (pymongo.ASCENDING, pymongo.DESCENDING)
    )
    while start <= last and start < window[1]:
        yield Span(start, min(start + _SLICE, window[1]))
        start += _SLICE


def partitions_waiting(
    mongo: MongoResource,
    postgres: PostgresResource,
    flow: Flow,
    now: datetime,
    *,
    is_estimate_enough: bool = False,
) -> list[Partition]:
    """Partitions with raw documents that no publication has seen, oldest first.

    A run that was killed after its fetch leaves one, and so does an answer that came late. An
    expired partition never waits. Where all is published, two questions answer that, however long
    the past is; else the newest times are searched first, by halves.

    Args:
        mongo: the lake.
        postgres: the warehouse.
        flow: the kind of document.
        now: where the search begins.
        is_estimate_enough: believe the server's own count of the collection, and count the newest
            day only, where that count is the ledger's. After a crash of the server it may be wrong
            by documents of days past; a run then still finds them.
    """
    collection = mongo.lake()[flow.raw.name]
    ledger = ledger_rows(postgres, flow)
    published = {start: row.raw_rows for start, row in ledger.items() if row.expired_at is None}
    total = collection.estimated_document_count() if is_estimate_enough else count_all(collection)
    missing = total - sum(published.values())
    windows = list(_ever_longer_windows(flow, now))
    found: list[datetime] = []
    for window in windows if missing else windows[: int(is_estimate_enough)]:
        counted = count_in(collection, window)
        missing -= counted - _published_in(published, window)
        found += [
            start
            for start, count in differing_counts(collection, published, flow.span, window, counted)
            if count > published.get(start, 0)
        ]
        if not missing:
            break
    expired = ledger.keys() - published.keys()
    return sorted(partition_of(flow, start) for start in found if start not in expired)


def _ever_longer_windows(flow: Flow, now: datetime) -> Iterator[Span]:
    """Cut all time until the end of the next partition into windows, newest first."""
    end = _EPOCH + ((now - _EPOCH) // flow.span + 2) * flow.span
    span = timedelta(days=1)
    while end > _FIRST:
        start = max(_FIRST, end - span)
        yield Span(start, end)
        # An hour of last week is likelier than one of last year, and each count reads its window.
        end, span = start, 8 * span


def differing_counts(
    collection: Collection[Document],
    expected: Mapping[datetime, int],
    span: timedelta,
    window: Span,
    counted: int,
) -> Iterator[tuple[datetime, int]]:
    """Find partitions that hold another number of documents than expected, by halves.

    Args:
        collection: of a flow's raw documents.
        expected: documents by the start of their partition; none where it is left out.
        span: length of a partition.
        window: where to look; partitions in it whose differences cancel out may be missed.
        counted: documents in the window.

    Yields:
        Start of a partition and how many documents it holds.
    """
    start, end = window
    if counted == _published_in(expected, window):
        return
    if end - start == span:
        yield start, counted
        return
    middle = start + (end - start) // span // 2 * span
    before = count_in(collection, Span(start, middle))
    yield from differing_counts(collection, expected, span, Span(start, middle), before)
    yield from differing_counts(collection, expected, span, Span(middle, end), counted - before)


def _published_in(published: Mapping[datetime, int], window: Span) -> int:
    return sum(rows for start, rows in published.items() if window[0] <= start < window[1])


def hours_without_parquet(
    mongo: MongoResource, postgres: PostgresResource, now: datetime
) -> set[str]:
    """Keys of published hours of the last day whose Parquet is missing or damaged."""
    flow, open_hour = SNAPSHOT_FLOW, now.replace(minute=0, second=0, microsecond=0)
    window = Span(open_hour - timedelta(days=1), open_hour)
    raw = raw_starts(mongo, flow, window)
    hours = [
        Span(start, start + flow.span)
        for start, row in ledger_rows(postgres, flow, window).items()
        if start in raw and row.expired_at is None
    ]
    return {partition_name(hour) for hour in hours if not is_whole(*folder_of(flow.clean, hour))}


@dataclass(frozen=True)
class LedgerRow:
    """What the ledger says of the latest publication of a partition.

    Attributes:
        raw_rows, loaded_rows, quarantined_rows, superseded_rows: counts.
        expired_at: when retention deleted the partition; None: it is there.
        publication: number of the latest publication that changed rows of the table.
        loaded_at: when it was published.
        clean_checksum, rows_checksum: see `stores.checksums`; None: published before they were
            kept.
    """

    raw_rows: int
    loaded_rows: int
    quarantined_rows: int
    superseded_rows: int
    expired_at: datetime | None
    publication: int
    loaded_at: datetime
    clean_checksum: str | None
    rows_checksum: str | None


_LEDGER = sql.SQL("SELECT partition_key, {} FROM warehouse.loads WHERE asset = %s").format(
    sql.SQL(", ").join(sql.Identifier(column.name) for column in fields(LedgerRow))
)


def ledger_rows(
    postgres: PostgresResource, flow: Flow, window: Span = EVER
) -> dict[datetime, LedgerRow]:
    """What the ledger says of each partition, by its start."""
    with postgres.connect() as connection:
        found = ledger_of(connection.cursor(), flow)
    return {start: row for start, row in found.items() if window[0] <= start < window[1]}


def ledger_of(cursor: psycopg.Cursor[Any], flow: Flow) -> dict[datetime, LedgerRow]:
    """What the ledger says of all partitions of a flow, by their start."""
    rows = cursor.execute(_LEDGER, [flow.asset])
    return {partition_window(key)[0]: LedgerRow(*row) for key, *row in rows}


def table_starts(postgres: PostgresResource, flow: Flow, window: Span = EVER) -> set[datetime]:
    """Starts of partitions with rows in the published table."""
    question = sql.SQL(
        "SELECT DISTINCT date_trunc({}, observed_at) FROM {} "
        "WHERE observed_at >= %s AND observed_at < %s"
    ).format(
        sql.Literal("hour" if flow.span < timedelta(days=1) else "day"),
        sql.Identifier(flow.published.schema, flow.published.name),
    )
    with postgres.connect() as connection:
        return {moment.astimezone(UTC) for (moment,) in connection.execute(question, window)}


def clean_starts(flow: Flow, window: Span = EVER) -> set[datetime]:
    """Starts of partitions with a folder under `CLEAN_PATH`, whole or not."""
    store, root = clean_store()
    selector = fs.FileSelector(f"{root}/{flow.clean.name}", allow_not_found=True)
    found = (folder_window(entry.base_name) for entry in store.get_file_info(selector))
    return {there[0] for there in found if there and window[0] <= there[0] < window[1]}
