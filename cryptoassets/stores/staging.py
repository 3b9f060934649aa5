"""Copies judged rows to a staging table in PostgreSQL; runs in Spark's tasks.

What goes here: copying rows in a worker, and what a task reports. What stays out: the table and the
queries on it (in `staged`).

Each task commits its rows under a unique attempt id and reports the id after the commit. Spark may
run a task twice; only the attempts whose reports the driver has collected are used.
"""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any
from uuid import uuid4

import psycopg
import pyarrow as pa
import pyarrow.compute as pc
from psycopg import sql

from cryptoassets import libpq
from cryptoassets.partitions.spans import Span, partition_name
from cryptoassets.schemas import Flow
from cryptoassets.schemas.arrow import arrow_schema
from cryptoassets.stores.clean import CleanFile, read_file
from cryptoassets.stores.copying import copy_in
from cryptoassets.stores.postgres_errors import typed_errors
from cryptoassets.transforms.contract import conservation_problems, key_problems, tally
from cryptoassets.transforms.outcomes import publication
from cryptoassets.workers import Credentials, fail_if_code_differs

SCHEMA = "staging"
Cursor = psycopg.Cursor[Any]
# Other fields of a broken document are not copied, because they may contain anything, e.g. NUL.
_QUARANTINE_COLUMNS = ("raw_id", "fetched_at", "reasons", "payload")


@dataclass(frozen=True)
class Staged:
    """An attempt's report about the rows that it staged for one partition.

    Attributes:
        attempt: unique id of the attempt, which is stored in each of its rows.
        partition_key: Dagster's key of the partition.
        raw, valid, quarantined, superseded: row counts; superseded rows are counted but not staged.
        problems: violations of the conditions in `transforms.contract`, one sentence each.
        sources: sources of the valid rows.
        checksum: checksum of all rows if they come from a Parquet file; otherwise empty.
    """

    attempt: str
    partition_key: str
    raw: int
    valid: int
    quarantined: int
    superseded: int
    problems: list[str]
    sources: list[str]
    checksum: str = ""


STAGED_SCHEMA = (
    "attempt STRING, partition_key STRING, raw BIGINT, valid BIGINT, quarantined BIGINT, "
    "superseded BIGINT, problems ARRAY<STRING>, sources ARRAY<STRING>, checksum STRING"
)
_ARROW_SCHEMA = pa.schema(
    [
        *((name, pa.string()) for name in ("attempt", "partition_key")),
        *((name, pa.int64()) for name in ("raw", "valid", "quarantined", "superseded")),
        *((name, pa.list_(pa.string())) for name in ("problems", "sources")),
        ("checksum", pa.string()),
    ]
)


@dataclass(frozen=True)
class StageTask:
    """What a task needs to copy the rows of files; sent to workers, so it contains no secrets."""

    flow: Flow
    table: str
    groups: tuple[tuple[CleanFile, ...], ...]
    credentials: Credentials

    def __call__(self, number: int) -> Iterator[pa.RecordBatch]:
        """Copy the rows of one group of files, commit, then report; runs in the worker."""
        flow, attempt = self.flow, uuid4().hex
        reports = []
        with _copying(flow, self.credentials) as cursor:
            for file in self.groups[number]:
                rows, checksum = read_file(flow.clean, file)
                staged = stage_rows(cursor, self.table, flow, rows, file.partition, attempt)
                reports.append({**vars(staged), "checksum": checksum})
        yield pa.RecordBatch.from_pylist(reports, schema=_ARROW_SCHEMA)


@dataclass(frozen=True)
class StageBatches:
    """What a task needs to copy rows that Spark passes to it; sent to the worker."""

    flow: Flow
    table: str
    partitions: tuple[Span, ...]
    credentials: Credentials
    code: str

    def __call__(self, batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        """Copy all rows of the task, commit, then report; runs in the worker."""
        fail_if_code_differs(self.code)
        flow, attempt = self.flow, uuid4().hex
        schema = arrow_schema(flow.clean)
        columns = [schema.field(name) for name in flow.judged_columns]
        rows = pa.Table.from_batches(batches, pa.schema(columns))
        with _copying(flow, self.credentials) as cursor:
            reports = [
                vars(stage_rows(cursor, self.table, flow, rows_in(rows, window), window, attempt))
                for window in self.partitions
            ]
        yield pa.RecordBatch.from_pylist(reports, schema=_ARROW_SCHEMA)


@contextmanager
def _copying(flow: Flow, credentials: Credentials) -> Iterator[Cursor]:
    """Open a task's transaction, in the worker; it is committed at the end of the block."""
    url = credentials.postgres_url()
    address = libpq.address(libpq.parameters(url))
    with (
        typed_errors(f"copying rows of {flow.asset} to staging", address),
        libpq.connect(url) as connection,
        connection.cursor() as cursor,
    ):
        yield cursor


def rows_in(judged: pa.Table, window: Span) -> pa.Table:
    """The judged rows of one partition."""
    start, end = (pa.scalar(moment, judged["observed_at"].type) for moment in window)
    is_within = pc.and_(
        pc.greater_equal(judged["observed_at"], start), pc.less(judged["observed_at"], end)
    )
    return judged.filter(is_within)


def stage_rows(
    cursor: Cursor, table: str, flow: Flow, judged: pa.Table, partition: Span, attempt: str
) -> Staged:
    """Copy the valid and the quarantined rows of a partition, in the caller's transaction.

    Args:
        cursor: cursor of a role that may insert into the table.
        table: name of the table in the schema `staging`.
        flow: determines the published table.
        judged: rows with at least the columns `flow.judged_columns`.
        partition: the partition to which all rows belong.
        attempt: unique id of this attempt.
    """
    counted = tally(judged)
    key = partition_name(partition)
    rows = publication(judged, flow)
    valid = rows.filter(pc.equal(rows["outcome"], "valid"))
    refused = rows.filter(pc.equal(rows["outcome"], "quarantined"))
    for part, columns in ((valid, flow.published.column_names), (refused, _QUARANTINE_COLUMNS)):
        staged = part.select([*columns, "outcome"])
        for name, text in (("attempt", attempt), ("partition_key", key)):
            staged = staged.append_column(name, pa.repeat(pa.scalar(text), part.num_rows))
        copy_in(cursor, sql.Identifier(SCHEMA, table), staged)
    return Staged(
        attempt,
        key,
        counted.raw,
        counted.valid,
        counted.quarantined,
        counted.superseded,
        conservation_problems(judged) + key_problems(judged, flow.published.key),
        pc.unique(valid["source"]).to_pylist(),
    )
