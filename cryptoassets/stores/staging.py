"""Judged rows on their way into PostgreSQL: copied by tasks to a table that no reader sees.

What goes here: the table of one publication, copying rows to it in a worker, and what a publication
selects from it. What stays out: publishing (in `io_managers.judged`).

Each task commits its rows under an attempt of its own, and tells it when it has. Spark may run a
task twice; only the attempts that the driver has collected count.
"""

import json
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any
from uuid import uuid4

import psycopg
import pyarrow as pa
import pyarrow.compute as pc
from psycopg import sql

from cryptoassets import libpq
from cryptoassets.errors import StoreUnavailableError
from cryptoassets.partitions.spans import Span, partition_name
from cryptoassets.schemas import QUARANTINE, Flow, flow_named
from cryptoassets.schemas.arrow import arrow_schema
from cryptoassets.stores.clean import CleanFile, read_file
from cryptoassets.stores.copying import copy_in
from cryptoassets.stores.postgres_errors import typed_errors
from cryptoassets.transforms.contract import conservation_problems, key_problems, tally
from cryptoassets.transforms.outcomes import publication
from cryptoassets.workers import Credentials, refuse_other_code

SCHEMA = "staging"
EXECUTOR = "executor"
"""Role of a cluster's workers, where there is one: it may insert here and nothing else."""
Cursor = psycopg.Cursor[Any]
# A broken document may hold anything in its other fields, NUL for one.
_OF_REFUSED = ("raw_id", "fetched_at", "reasons", "payload")

_OWNERS = """
    SELECT relname, obj_description(pg_class.oid, 'pg_class') FROM pg_class
    WHERE relnamespace = to_regnamespace('staging') AND relkind = 'r'
"""
# Of another role's process only the number can be seen.
_IS_ALIVE = """
    SELECT FROM pg_stat_activity
    WHERE pid = %s AND coalesce(backend_start::text, %s) = %s
"""
_OWN = "SELECT pid, backend_start::text FROM pg_stat_activity WHERE pid = pg_backend_pid()"


@dataclass(frozen=True)
class Staged:
    """What one attempt staged of one partition.

    Attributes:
        attempt: names its rows; no two attempts have the same.
        partition_key: Dagster's.
        raw, valid, quarantined, superseded: rows, counts; superseded ones are only counted.
        problems: what does not add up, one sentence each.
        sources: of the valid rows.
        reasons: rows by reason code, JSON.
        file, digest: name of the Parquet file and the SHA-256 of its bytes; empty: rows of none.
    """

    attempt: str
    partition_key: str
    raw: int
    valid: int
    quarantined: int
    superseded: int
    problems: list[str]
    sources: list[str]
    reasons: str
    file: str = ""
    digest: str = ""


STAGED_SCHEMA = (
    "attempt STRING, partition_key STRING, raw BIGINT, valid BIGINT, quarantined BIGINT, "
    "superseded BIGINT, problems ARRAY<STRING>, sources ARRAY<STRING>, reasons STRING, "
    "file STRING, digest STRING"
)
_ARROW_SCHEMA = pa.schema(
    [
        *((name, pa.string()) for name in ("attempt", "partition_key")),
        *((name, pa.int64()) for name in ("raw", "valid", "quarantined", "superseded")),
        *((name, pa.list_(pa.string())) for name in ("problems", "sources")),
        *((name, pa.string()) for name in ("reasons", "file", "digest")),
    ]
)


@dataclass(frozen=True)
class StageTask:
    """What a task needs to copy the rows of some files; shipped to the worker, without secrets."""

    asset: str
    table: str
    groups: tuple[tuple[CleanFile, ...], ...]
    credentials: Credentials

    def __call__(self, number: int) -> Iterator[pa.RecordBatch]:
        """Copy the rows of some files, commit them, then tell what they were; in the worker."""
        flow, attempt = flow_named(self.asset), uuid4().hex
        url = self.credentials.postgres_url()
        address = libpq.address(libpq.parameters(url))
        told = []
        with (
            typed_errors(f"copying rows of {self.asset} to staging", address),
            libpq.connect(url) as connection,
            connection.cursor() as cursor,
        ):
            for file in self.groups[number]:
                rows, digest = read_file(flow.clean, file)
                name = file.path.rpartition("/")[2]
                staged = stage_rows(cursor, self.table, flow, rows, file.partition, attempt)
                told.append({**vars(staged), "file": name, "digest": digest})
        yield pa.RecordBatch.from_pylist(told, schema=_ARROW_SCHEMA)


@dataclass(frozen=True)
class StageBatches:
    """What a task needs to copy rows that Spark hands it; shipped to the worker."""

    asset: str
    table: str
    partitions: tuple[Span, ...]
    credentials: Credentials
    code: str

    def __call__(self, batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        """Copy all rows of the task, commit them, then tell what they were; in the worker."""
        refuse_other_code(self.code)
        flow, attempt = flow_named(self.asset), uuid4().hex
        schema = arrow_schema(flow.clean)
        columns = [schema.field(name) for name in flow.judged_columns]
        rows = pa.Table.from_batches(batches, pa.schema(columns))
        url = self.credentials.postgres_url()
        address = libpq.address(libpq.parameters(url))
        with (
            typed_errors(f"copying rows of {self.asset} to staging", address),
            libpq.connect(url) as connection,
            connection.cursor() as cursor,
        ):
            told = [
                vars(stage_rows(cursor, self.table, flow, rows_in(rows, window), window, attempt))
                for window in self.partitions
            ]
        yield pa.RecordBatch.from_pylist(told, schema=_ARROW_SCHEMA)


def rows_in(judged: pa.Table, window: Span) -> pa.Table:
    """The judged rows of one partition of a range."""
    start, end = (pa.scalar(moment, judged["observed_at"].type) for moment in window)
    is_within = pc.and_(
        pc.greater_equal(judged["observed_at"], start), pc.less(judged["observed_at"], end)
    )
    return judged.filter(is_within)


def stage_rows(
    cursor: Cursor, table: str, flow: Flow, judged: pa.Table, partition: Span, attempt: str
) -> Staged:
    """Copy the valid and the quarantined rows of a partition; part of the caller's transaction.

    Args:
        cursor: of a role that may insert.
        table: of schema `staging`.
        flow: where the rows go.
        judged: columns of `flow.clean`.
        partition: all rows are of it.
        attempt: no other one has staged under it.
    """
    counted = tally(judged)
    key = partition_name(partition)
    rows = publication(judged, flow)
    valid = rows.filter(pc.equal(rows["outcome"], "valid"))
    refused = rows.filter(pc.equal(rows["outcome"], "quarantined"))
    for some, columns in ((valid, flow.published.column_names), (refused, _OF_REFUSED)):
        staged = some.select([*columns, "outcome"])
        for name, text in (("attempt", attempt), ("partition_key", key)):
            staged = staged.append_column(name, pa.repeat(pa.scalar(text), some.num_rows))
        copy_in(cursor, sql.Identifier(SCHEMA, table), staged)
    reasons = pc.value_counts(pc.list_flatten(refused["reasons"])).to_pylist()
    return Staged(
        attempt,
        key,
        counted.raw,
        counted.valid,
        counted.quarantined,
        counted.superseded,
        conservation_problems(judged) + key_problems(judged, flow.published.key),
        pc.unique(valid["source"]).to_pylist(),
        json.dumps({entry["values"]: entry["counts"] for entry in reasons}),
    )


@contextmanager
def staging_table(connection: psycopg.Connection[Any], flow: Flow, run_id: str) -> Iterator[str]:
    """Make the table of one publication, and drop it unless the publication has; yield its name.

    The connection owns the table: while it is open, no other run sweeps it away.

    Args:
        connection: autocommitting; used for nothing else meanwhile.
        flow: where the rows go.
        run_id: the Dagster run that publishes.
    """
    _sweep(connection)
    name = f"{flow.published.name}_{run_id[:8]}_{uuid4().hex[:12]}"
    table = sql.Identifier(SCHEMA, name)
    published = sql.Identifier(flow.published.schema, flow.published.name)
    owner = " ".join(map(str, connection.execute(_OWN).fetchone() or ()))
    with connection.transaction():
        connection.execute(
            sql.SQL(
                "CREATE UNLOGGED TABLE {} AS SELECT NULL::text AS attempt, "
                "NULL::text AS partition_key, NULL::text AS outcome, NULL::text[] AS reasons, "
                "NULL::text AS payload, published.* FROM {} AS published WITH NO DATA"
            ).format(table, published)
        )
        connection.execute(sql.SQL("COMMENT ON TABLE {} IS {}").format(table, sql.Literal(owner)))
        if connection.execute("SELECT to_regrole(%s)", [EXECUTOR]).fetchone() != (None,):
            grant = sql.SQL("GRANT INSERT ON {} TO {}").format(table, sql.Identifier(EXECUTOR))
            connection.execute(grant)
    try:
        yield name
    finally:
        if not connection.closed:
            connection.execute(sql.SQL("DROP TABLE IF EXISTS {}").format(table))


def _sweep(connection: psycopg.Connection[Any]) -> None:
    """Drop the tables whose owner, the connection of a run, is gone."""
    for name, owner in connection.execute(_OWNERS).fetchall():
        pid, _, start = (owner or "").partition(" ")
        answer = connection.execute(_IS_ALIVE, [int(pid) if pid.isdecimal() else 0, start, start])
        if answer.fetchone() is not None:
            continue
        try:
            with connection.transaction():
                # Tasks of a killed driver may still be copying: then the next run drops it.
                connection.execute("SET LOCAL lock_timeout = '1s'")
                drop = sql.SQL("DROP TABLE IF EXISTS {}").format(sql.Identifier(SCHEMA, name))
                connection.execute(drop)
        except psycopg.errors.LockNotAvailable:
            continue


@dataclass(frozen=True)
class StagedPartition:
    """What was staged of one partition, by all attempts that count.

    Attributes:
        table: of schema `staging`.
        flow: where the rows go.
        partition: the span.
        parts: of each attempt.
    """

    table: str
    flow: Flow
    partition: Span
    parts: tuple[Staged, ...]

    @property
    def problems(self) -> list[str]:
        """What does not add up, one sentence each."""
        return [problem for part in self.parts for problem in part.problems]

    @property
    def sources(self) -> set[str]:
        """Of the valid rows."""
        return {source for part in self.parts for source in part.sources}

    @property
    def reasons(self) -> Counter[str]:
        """Quarantined rows by reason code."""
        return sum((Counter(json.loads(part.reasons)) for part in self.parts), Counter[str]())

    @property
    def files(self) -> list[tuple[str, str]]:
        """Name and SHA-256 of each Parquet file that the rows are from."""
        return sorted((part.file, part.digest) for part in self.parts if part.file)

    def count(self, outcome: str) -> int:
        """Rows: `raw`, `valid`, `quarantined` or `superseded`."""
        return sum(getattr(part, outcome) for part in self.parts)

    def valid_rows(self) -> sql.Composed:
        """SQL of the rows for the published table."""
        columns = sql.SQL(", ").join(map(sql.Identifier, self.flow.published.column_names))
        return self._rows(columns, "valid")

    def refused_rows(self, run_id: str) -> sql.Composed:
        """SQL of the rows for `warehouse.quarantine`."""
        of_row = {
            "asset": sql.Literal(self.flow.asset),
            "run_id": sql.Literal(run_id),
            "first_seen_at": sql.Identifier("fetched_at"),
        }
        columns = sql.SQL(", ").join(
            sql.SQL("{} AS {}").format(of_row.get(name, sql.Identifier(name)), sql.Identifier(name))
            for name in QUARANTINE.column_names
        )
        return self._rows(columns, "quarantined")

    def _rows(self, columns: sql.Composable, outcome: str) -> sql.Composed:
        return sql.SQL(
            "(SELECT {} FROM {} WHERE partition_key = {} AND outcome = {} AND attempt = ANY({}))"
        ).format(
            columns,
            sql.Identifier(SCHEMA, self.table),
            sql.Literal(partition_name(self.partition)),
            sql.Literal(outcome),
            sql.Literal([part.attempt for part in self.parts]),
        )

    def drop(self, cursor: Cursor) -> None:
        """Drop the staging table when the transaction commits."""
        cursor.execute(sql.SQL("DROP TABLE {}").format(sql.Identifier(SCHEMA, self.table)))

    def refuse_lost_rows(self, cursor: Cursor) -> None:
        """Refuse to publish unless all rows that tasks have staged are there, and no more.

        Raises:
            StoreUnavailableError: PostgreSQL was killed meanwhile, and unlogged rows with it.
        """
        wanted = (self.count("valid"), self.count("quarantined"))
        query = sql.SQL("SELECT (SELECT count(*) FROM {} AS v), (SELECT count(*) FROM {} AS q)")
        found = cursor.execute(query.format(self.valid_rows(), self.refused_rows(""))).fetchone()
        if found != wanted:
            raise StoreUnavailableError(
                f"{self.flow.asset} {partition_name(self.partition)}: tasks staged {wanted[0]:,} "
                f"valid and {wanted[1]:,} quarantined rows, and {found} are there: PostgreSQL has "
                "restarted meanwhile. Nothing was published; a retry helps"
            )


def staged_partitions(
    table: str, flow: Flow, partitions: Iterable[Span], told: Sequence[Staged]
) -> list[StagedPartition]:
    """Sort what tasks told by partition."""
    return [
        StagedPartition(
            table,
            flow,
            window,
            tuple(part for part in told if part.partition_key == partition_name(window)),
        )
        for window in partitions
    ]


def index_staged(connection: psycopg.Connection[Any], table: str) -> None:
    """Prepare a staging table for being read partition by partition."""
    name = sql.Identifier(SCHEMA, table)
    connection.execute(sql.SQL("CREATE INDEX ON {} (partition_key)").format(name))
    connection.execute(sql.SQL("ANALYZE {}").format(name))
