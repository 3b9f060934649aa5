"""Finds the partitions that each store contains, with indexes and folder listings.

What goes here: finding when the partitions of each store start. What stays out: reading the
contents of partitions (in `checks.places`).
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from psycopg import sql
from pyarrow import fs
from pymongo.collection import Collection

from cryptoassets.coincap.documents import OLDEST_OBSERVATION
from cryptoassets.partitions.spans import (
    Span,
    folder_window,
    partition_around,
    partition_name,
)
from cryptoassets.resources.mongo import MongoResource
from cryptoassets.resources.postgres import PostgresResource
from cryptoassets.schemas import Flow
from cryptoassets.stores.clean_files import clean_store
from cryptoassets.stores.clean_folders import folder_of, is_complete
from cryptoassets.stores.ledger import LedgerRow, ledger_of
from cryptoassets.stores.mongodb import Document, count_all, count_in
from cryptoassets.stores.raw_starts import starts_in

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
ALL_TIME = Span(_EPOCH, datetime(9999, 1, 1, tzinfo=UTC))
"""The window that contains every partition."""


@dataclass(frozen=True, order=True)
class Partition:
    """One partition of a flow; partitions sort by start time."""

    start: datetime
    asset: str
    span: timedelta

    @property
    def window(self) -> Span:
        """Start and end."""
        return Span(self.start, self.start + self.span)

    @property
    def key(self) -> str:
        """The partition key in Dagster."""
        return partition_name(self.window)

    @property
    def day(self) -> datetime:
        """The start of the UTC day that contains the partition."""
        return self.start.replace(hour=0)


def partition_of(flow: Flow, start: datetime) -> Partition:
    """Return the partition of a flow that starts at `start`."""
    return Partition(start, flow.asset, flow.span)


def raw_starts(mongo: MongoResource, flow: Flow, window: Span = ALL_TIME) -> set[datetime]:
    """Return the start of each partition that has raw documents."""
    return starts_in(mongo.lake()[flow.raw.name], flow.span, window)


def partitions_waiting(
    mongo: MongoResource,
    postgres: PostgresResource,
    flow: Flow,
    now: datetime,
    *,
    is_estimate_enough: bool = False,
) -> list[Partition]:
    """Return partitions with raw documents that have not been published, oldest first.

    Such documents are left by a run that was killed between fetching and publishing, or arrive with
    a late response. Expired partitions are never included. If everything is published, two queries
    suffice to find that out, no matter how much history exists. Otherwise, a bisection searches the
    newest times first.

    Args:
        mongo: the data lake.
        postgres: the warehouse.
        flow: the kind of document.
        now: current time, from which the search goes back.
        is_estimate_enough: whether to trust the server's own count of the whole collection. If it
            equals the ledger's count, only the newest day is counted. After a server crash, the
            server's count may be wrong, so documents of earlier days may be missed; `run`, which
            counts exactly, still finds them.
    """
    collection = mongo.lake()[flow.raw.name]
    ledger = ledger_rows(postgres, flow)
    published = {start: row.raw_rows for start, row in ledger.items() if row.expired_at is None}
    total = collection.estimated_document_count() if is_estimate_enough else count_all(collection)
    missing = total - sum(published.values())
    windows = list(_growing_windows(flow, now))
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


def _growing_windows(flow: Flow, now: datetime) -> Iterator[Span]:
    """Split all time until the end of the next partition into growing windows, newest first."""
    end = _EPOCH + ((now - _EPOCH) // flow.span + 2) * flow.span
    span = timedelta(days=1)
    while end > OLDEST_OBSERVATION:
        start = max(OLDEST_OBSERVATION, end - span)
        yield Span(start, end)
        # Waiting partitions are usually recent, and counting reads the whole window.
        end, span = start, 8 * span


def differing_counts(
    collection: Collection[Document],
    expected: Mapping[datetime, int],
    span: timedelta,
    window: Span,
    counted: int,
) -> Iterator[tuple[datetime, int]]:
    """Find partitions that do not have the expected number of documents, by bisection.

    Partitions whose differences cancel each other out may be missed.

    Args:
        collection: a flow's raw documents.
        expected: maps the start of a partition to its expected number of documents; 0 if absent.
        span: length of a partition.
        window: where to search.
        counted: number of documents in the window.

    Yields:
        The start of a partition and its number of documents.
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


def partitions_without_parquet(
    mongo: MongoResource, postgres: PostgresResource, flow: Flow, now: datetime
) -> set[str]:
    """Return keys of the last day's published partitions whose Parquet is missing or damaged."""
    open_partition = partition_around(now, flow.span).start
    window = Span(open_partition - timedelta(days=1), open_partition)
    raw = raw_starts(mongo, flow, window)
    published = [
        Span(start, start + flow.span)
        for start, row in ledger_rows(postgres, flow, window).items()
        if start in raw and row.expired_at is None
    ]
    return {
        partition_name(one) for one in published if not is_complete(*folder_of(flow.clean, one))
    }


def ledger_rows(
    postgres: PostgresResource, flow: Flow, window: Span = ALL_TIME
) -> dict[datetime, LedgerRow]:
    """Return the ledger row of each partition in the window, by the partition's start."""
    with postgres.connect() as connection:
        found = ledger_of(connection.cursor(), flow)
    return {start: row for start, row in found.items() if window[0] <= start < window[1]}


def table_starts(postgres: PostgresResource, flow: Flow, window: Span = ALL_TIME) -> set[datetime]:
    """Return the start of each partition that has rows in the published table."""
    query = sql.SQL(
        "SELECT DISTINCT date_trunc({}, observed_at) FROM {} "
        "WHERE observed_at >= %s AND observed_at < %s"
    ).format(
        sql.Literal(flow.unit),
        sql.Identifier(flow.published.schema, flow.published.name),
    )
    with postgres.connect() as connection:
        return {moment.astimezone(UTC) for (moment,) in connection.execute(query, window)}


def clean_starts(flow: Flow, window: Span = ALL_TIME) -> set[datetime]:
    """Return the start of each partition with a folder under `CLEAN_PATH`, complete or not."""
    store, root = clean_store()
    selector = fs.FileSelector(f"{root}/{flow.clean.name}", allow_not_found=True)
    spans = (folder_window(entry.base_name) for entry in store.get_file_info(selector))
    return {span[0] for span in spans if span and window[0] <= span[0] < window[1]}
