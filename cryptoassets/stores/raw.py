"""Divides raw documents into time ranges, which Spark's tasks read and judge.

What goes here: the handle through which an asset accesses raw documents, and the task that reads
them. What stays out: where partitions are split (in `ranges`), rules (in `transforms`), writing
judged rows (in `writing`).
"""

import hashlib
import math
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Protocol

import pyarrow as pa

from cryptoassets.partitions.spans import Span, partition_around, partitions_in
from cryptoassets.schemas import Flow, RawTable, Table
from cryptoassets.stores.mongodb import (
    Document,
    Fetches,
    Lake,
    count_in,
    documents_in,
    fetches_in,
    open_client,
    typed_errors,
    url_address,
)
from cryptoassets.stores.ranges import MAX_DOCUMENTS, RawRange, cut, read_range
from cryptoassets.stores.raw_starts import with_documents
from cryptoassets.workers import Credentials

if TYPE_CHECKING:
    from pyspark.sql import DataFrame

ROWS_PER_BATCH = 10_000
Kernel = Callable[[pa.Table], pa.Table]
"""Maps all rows of a range to result rows; a function in a module that workers can import."""


class Tasks(Protocol):
    """Runs tasks on Spark's executors; see `resources.spark.SparkResource.tasks`."""

    def __call__(
        self, work: Callable[[int], Iterable[pa.RecordBatch]], count: int, schema: str
    ) -> "DataFrame":
        """Return the rows of `count` tasks; each task is called with its index."""


@dataclass(frozen=True)
class RangeTask:
    """What a task needs to read and map its range; sent to workers, so it contains no secrets.

    Attributes:
        table: the raw table of the documents.
        database: name of the MongoDB database.
        coins_asked: number of requested coins, assumed for snapshots without a fetch record.
        ranges: the ranges of all tasks.
        kernel: maps the rows of one range.
        credentials: where the worker finds MongoDB's URL.
    """

    table: RawTable
    database: str
    coins_asked: int
    ranges: tuple[RawRange, ...]
    kernel: Kernel
    credentials: Credentials

    def __call__(self, index: int) -> Iterator[pa.RecordBatch]:
        """Read and map one range, in the worker."""
        yield from self.rows(index).combine_chunks().to_batches(max_chunksize=ROWS_PER_BATCH)

    def rows(self, index: int) -> pa.Table:
        """Read and map one range, as one table."""
        return self.kernel(self._read(self.ranges[index]))

    def _read(self, part: RawRange) -> pa.Table:
        url = self.credentials.mongo_url()
        with typed_errors(url_address(url)), open_client(url) as client:
            return read_range(client[self.database], self.table, part, self.coins_asked)


@dataclass(frozen=True)
class RawRanges:
    """Raw documents of one or more partitions; read only when needed.

    Attributes:
        flow: the kind of document.
        window: time span of the partitions.
        lake: the driver's connection, for counts and fetch records.
        coins_asked: number of requested coins, assumed for snapshots without a fetch record.
        tasks: runs tasks on executors.
        credentials: returns the credentials for the executors.
        documents_per_task: approximate maximum number of documents that a task reads.
    """

    flow: Flow
    window: Span
    lake: Lake
    coins_asked: int
    tasks: Tasks
    credentials: Callable[[], Credentials]
    documents_per_task: int = MAX_DOCUMENTS

    @property
    def partitions(self) -> list[Span]:
        """The partitions, oldest first."""
        return partitions_in(self.window, self.flow.span)

    def count(self) -> int:
        """Count the documents that the partitions have now."""
        return count_in(self.lake[self.flow.raw.name], self.window)

    def sum_of_counts(self) -> int:
        """Add up the counts of the partitions.

        A document with an array of dates counts in each partition that contains one of the dates.
        """
        collection = self.lake[self.flow.raw.name]
        return sum(count_in(collection, partition) for partition in self.partitions)

    def fetches(self) -> Fetches:
        """What was requested and received per snapshot; empty if the flow has no fetch records."""
        if not self.flow.raw.has_fetch_records:
            return Fetches({}, {})
        return fetches_in(self.lake, self.window)

    def judged_by(self, fetches: Fetches, until: datetime | None) -> str:
        """Return a hash of what was requested; the rules depend on it, not only on the documents.

        Args:
            fetches: the result of `fetches()`.
            until: time of the newest snapshot to include; None if there are no snapshots.
        """
        asked = fetches.asked.items()
        known = [(at.isoformat(), *request) for at, request in asked if until and at <= until]
        return hashlib.sha256(repr((self.coins_asked, sorted(known))).encode()).hexdigest()[:16]

    def documents(self) -> list[Document]:
        """All documents, read by the driver."""
        return list(documents_in(self.lake[self.flow.raw.name], self.window))

    def arrow(self) -> pa.Table:
        """All documents as rows of the raw table, read by the driver."""
        parts = self.ranges(self.fetches())
        rows = [read_range(self.lake, self.flow.raw, part, self.coins_asked) for part in parts]
        return pa.concat_tables(rows).select(self.flow.raw.column_names)

    def frame(self) -> "DataFrame":
        """All documents as rows of the raw table, read by executors."""
        return self.mapped(_as_stored, self.flow.raw).frame()

    def mapped(self, kernel: Kernel, table: Table) -> "MappedRaw":
        """The rows that a kernel returns for each range.

        Args:
            kernel: takes the rows of a range, with the columns of
                `transforms.payloads.kernel_schema`.
            table: describes the columns that the kernel returns.
        """
        return MappedRaw(self, kernel, table)

    def ranges(self, fetches: Fetches, after: datetime | None = None) -> tuple[RawRange, ...]:
        """Split the partitions into ranges, one per task.

        Args:
            fetches: the result of `fetches()`.
            after: only documents newer than this time are included; None means all documents.
                Allowed only if there is a single partition.
        """
        parts = []
        for partition, documents in self._documents_of(fetches.received, after).items():
            span = Span(after.replace(microsecond=0) if after else partition.start, partition.end)
            for part in cut(span, fetches.received, documents, limit=self.documents_per_task):
                asked = {at: it for at, it in fetches.asked.items() if part.start <= at < part.end}
                parts.append(RawRange(part, partition, after, asked))
        return tuple(parts)

    def _documents_of(
        self, received: Mapping[datetime, int], after: datetime | None
    ) -> dict[Span, int]:
        """Estimate the number of documents in each partition; leave out partitions without any.

        A "Materialize all" run covers thousands of hours, most of them without documents. Such
        hours get no task. If documents arrive in one of them during the read, the caller notices,
        because it counts the documents after the read.
        """
        partitions, collection = self.partitions, self.lake[self.flow.raw.name]
        if after is not None:
            (partition,) = partitions
            # The fetch records contain the counts. The caller verifies them after the read anyway.
            expected = sum(count for moment, count in received.items() if moment > after)
            newer = Span(after.replace(microsecond=0), partition.end)
            return {partition: expected or count_in(collection, newer)}
        total = self.count()
        if len(partitions) == 1:
            return {partitions[0]: total}
        known: Counter[Span] = Counter()
        for moment, count in received.items():
            known[partition_around(moment, self.flow.span)] += count
        if len(known) < len(partitions):
            # If no partition has documents, a single task for the first partition returns no rows.
            partitions = with_documents(collection, partitions) or partitions[:1]
        unknown = max(0, total - known.total())
        if unknown > self.documents_per_task:
            return {partition: count_in(collection, partition) for partition in partitions}
        share = unknown / len(partitions)
        return {partition: math.ceil(known[partition] + share) for partition in partitions}


@dataclass(frozen=True)
class MappedRaw:
    """Raw documents mapped by a kernel, as an asset returns them; each use reads them again.

    Attributes:
        source: the documents.
        kernel: maps the rows of each range.
        table: describes the columns of the result.
    """

    source: RawRanges
    kernel: Kernel
    table: Table

    def frame(self) -> "DataFrame":
        """The rows as a lazy DataFrame; only the ranges are computed immediately."""
        task = self.task(self.source.fetches())
        return self.source.tasks(task, len(task.ranges), self.table.spark_schema)

    def task(self, fetches: Fetches, after: datetime | None = None) -> RangeTask:
        """The work of the tasks, one task per range; the ranges are computed immediately.

        Args:
            fetches: the result of `source.fetches()`.
            after: only documents newer than this time are read; None means all documents. Allowed
                only if there is a single partition.
        """
        source = self.source
        return RangeTask(
            source.flow.raw,
            source.lake.name,
            source.coins_asked,
            source.ranges(fetches, after),
            self.kernel,
            source.credentials(),
        )


def _as_stored(rows: pa.Table) -> pa.Table:
    """The columns of the raw table, without the payload fields for the rules."""
    return rows.select([name for name in rows.column_names if not name.startswith("payload.")])
