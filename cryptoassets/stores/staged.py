"""The staging table of one publication, and the queries that select the rows to publish from it.

What goes here: creating and dropping the table, and selecting a partition's rows. What stays out:
copying rows to it (in `staging`), publishing (in `io_managers.judged`).
"""

import contextlib
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any
from uuid import uuid4

import psycopg
from psycopg import sql

from cryptoassets.errors import StoreUnavailableError
from cryptoassets.partitions.spans import Span, partition_name
from cryptoassets.schemas import QUARANTINE, Flow
from cryptoassets.stores.additions import Addition, LatestPublication
from cryptoassets.stores.checksums import sum_checksums
from cryptoassets.stores.publishing import Load
from cryptoassets.stores.staging import SCHEMA, Cursor, Staged

EXECUTOR = "executor"
"""Role that a cluster's workers use, if it exists; it may only insert into staging tables."""

_LOCKED = psycopg.errors.LockNotAvailable
_OWNERS = """
    SELECT relname, obj_description(pg_class.oid, 'pg_class') FROM pg_class
    WHERE relnamespace = to_regnamespace('staging') AND relkind = 'r'
"""
# If a process belongs to another role, only its pid is visible, and backend_start is null.
_IS_ALIVE = """
    SELECT FROM pg_stat_activity
    WHERE pid = %s AND coalesce(backend_start::text, %s) = %s
"""
_OWN_PROCESS = "SELECT pid, backend_start::text FROM pg_stat_activity WHERE pid = pg_backend_pid()"


@contextmanager
def staging_table(connection: psycopg.Connection[Any], flow: Flow, run_id: str) -> Iterator[str]:
    """Create the staging table of one publication, yield its name, and drop it at the end.

    The table's comment identifies the connection. Other runs do not drop the table while this
    connection is open.

    Args:
        connection: in autocommit mode; used only for this table until the block ends.
        flow: determines the published table.
        run_id: the Dagster run that publishes.
    """
    _drop_orphaned_tables(connection)
    name = f"{flow.published.name}_{run_id[:8]}_{uuid4().hex[:12]}"
    table = sql.Identifier(SCHEMA, name)
    published = sql.Identifier(flow.published.schema, flow.published.name)
    owner = " ".join(map(str, connection.execute(_OWN_PROCESS).fetchone() or ()))
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
        # If this fails, e.g. because the server is down, the next run drops the table.
        with contextlib.suppress(psycopg.OperationalError):
            _drop(connection, name)


def _drop_orphaned_tables(connection: psycopg.Connection[Any]) -> None:
    """Drop staging tables whose connection no longer exists."""
    for name, owner in connection.execute(_OWNERS).fetchall():
        pid, _, start = (owner or "").partition(" ")
        found = connection.execute(_IS_ALIVE, [int(pid) if pid.isdecimal() else 0, start, start])
        if found.fetchone() is None:
            _drop(connection, name)


def _drop(connection: psycopg.Connection[Any], name: str) -> None:
    """Drop a staging table, unless tasks of a killed driver are still copying to it."""
    table = sql.Identifier(SCHEMA, name)
    with (
        contextlib.suppress(_LOCKED, psycopg.errors.InsufficientPrivilege),
        _with_short_lock_timeout(connection),
    ):
        connection.execute(sql.SQL("DROP TABLE IF EXISTS {}").format(table))


@contextmanager
def _with_short_lock_timeout(connection: psycopg.Connection[Any]) -> Iterator[None]:
    """A transaction or savepoint that waits at most 1 s for locks, e.g. those of lost tasks."""
    with connection.transaction():
        connection.execute("SET LOCAL lock_timeout = '1s'")
        yield


@dataclass(frozen=True)
class StagedPartition:
    """The staged rows of one partition, from all task attempts whose reports Spark returned.

    Attributes:
        table: name of the table in the schema `staging`.
        flow: determines the published table.
        partition: the span of the partition.
        parts: the reports of these attempts.
        files_hash: identifies the files that contain all rows of the partition; None if the rows
            are not from files.
        addition: describes the added files if only their rows are staged; None if all rows of the
            partition are staged.
    """

    table: str
    flow: Flow
    partition: Span
    parts: tuple[Staged, ...]
    files_hash: str | None = None
    addition: Addition | None = None

    @property
    def problems(self) -> list[str]:
        """Violations of the conditions in `transforms.contract`, one sentence each."""
        return [problem for part in self.parts for problem in part.problems]

    @property
    def sources(self) -> set[str]:
        """Sources of the valid rows."""
        return {source for part in self.parts for source in part.sources}

    @property
    def clean_checksum(self) -> str | None:
        """Checksum of the partition's cleaned rows; None if they are not from files."""
        checksums = [part.checksum for part in self.parts]
        if self.addition:
            checksums.append(self.addition.latest.clean_checksum or "")
        return sum_checksums(checksums) if all(checksums) else None

    @property
    def span(self) -> Span:
        """The time span of the staged rows; no other rows of the partition lie in it."""
        since = self.addition.since if self.addition else self.partition.start
        return Span(since, self.partition.end)

    def load(self, run_id: str) -> Load:
        """Counts of all rows of the partition, whether staged now or published before."""
        before = self.addition.latest if self.addition else LatestPublication()
        return Load(
            asset=self.flow.asset,
            partition_key=partition_name(self.partition),
            run_id=run_id,
            raw_rows=before.raw_rows + self._count("raw"),
            loaded_rows=before.loaded_rows + self._count("valid"),
            quarantined_rows=before.quarantined_rows + self._count("quarantined"),
            superseded_rows=before.superseded_rows + self._count("superseded"),
        )

    def _count(self, outcome: str) -> int:
        return sum(getattr(part, outcome) for part in self.parts)

    def valid_rows(self) -> sql.Composed:
        """SQL query that selects the rows for the published table."""
        columns = sql.SQL(", ").join(map(sql.Identifier, self.flow.published.column_names))
        return self._rows(columns, "valid")

    def refused_rows(self, run_id: str) -> sql.Composed:
        """SQL query that selects the rows for `warehouse.quarantine`."""
        values = {
            "asset": sql.Literal(self.flow.asset),
            "run_id": sql.Literal(run_id),
            "first_seen_at": sql.Identifier("fetched_at"),
        }
        columns = sql.SQL(", ").join(
            sql.SQL("{} AS {}").format(values.get(name, sql.Identifier(name)), sql.Identifier(name))
            for name in QUARANTINE.column_names
        )
        return self._rows(columns, "quarantined")

    def _rows(self, columns: sql.Composable, outcome: str) -> sql.Composed:
        table = sql.Identifier(SCHEMA, self.table)
        return sql.SQL("(SELECT {} FROM {} WHERE {} AND outcome = {})").format(
            columns, table, self._is_own(), sql.Literal(outcome)
        )

    def _is_own(self) -> sql.Composed:
        """The SQL condition for the partition's rows from attempts whose reports were collected."""
        return sql.SQL("partition_key = {} AND attempt = ANY({})").format(
            sql.Literal(partition_name(self.partition)),
            sql.Literal([part.attempt for part in self.parts]),
        )

    def drop(self, cursor: Cursor) -> None:
        """Drop the staging table; this takes effect when the transaction commits."""
        _drop(cursor.connection, self.table)

    def refuse_lost_rows(self, cursor: Cursor) -> None:
        """Refuse to publish unless the staging table has as many rows as the tasks reported.

        Raises:
            StoreUnavailableError: the numbers differ. A crash of PostgreSQL, for example, empties
                unlogged tables.
        """
        wanted = (self._count("valid"), self._count("quarantined"))
        query = sql.SQL(
            "SELECT count(*) FILTER (WHERE outcome = 'valid'), "
            "count(*) FILTER (WHERE outcome = 'quarantined') FROM {} WHERE {}"
        ).format(sql.Identifier(SCHEMA, self.table), self._is_own())
        found = cursor.execute(query).fetchone() or (0, 0)
        if found != wanted:
            raise StoreUnavailableError(
                f"{self.flow.asset} {partition_name(self.partition)}: tasks staged {wanted[0]:,} "
                f"valid and {wanted[1]:,} quarantined rows, but the table contains {found[0]:,} "
                f"valid and {found[1]:,} quarantined rows. PostgreSQL may have crashed in the "
                "meantime. Nothing was published; a retry helps"
            )


def staged_partitions(
    table: str, flow: Flow, partitions: Iterable[Span], reports: Sequence[Staged]
) -> list[StagedPartition]:
    """Group the reports of tasks by partition."""
    return [
        StagedPartition(
            table,
            flow,
            window,
            tuple(part for part in reports if part.partition_key == partition_name(window)),
        )
        for window in partitions
    ]


def prepare_staged(
    connection: psycopg.Connection[Any], table: str, flow: Flow, partitions: int
) -> None:
    """Index and analyze a staging table, which is then read partition by partition.

    Args:
        connection: the connection of `staging_table`.
        table: name of the staging table.
        flow: determines the published table.
        partitions: number of partitions.
    """
    name = sql.Identifier(SCHEMA, table)
    if partitions > 1:
        # The index is optional: without it, each partition needs a scan of the whole table.
        with contextlib.suppress(_LOCKED), _with_short_lock_timeout(connection):
            connection.execute(sql.SQL("CREATE INDEX ON {} (partition_key)").format(name))
    # Only the columns that the planner needs, because analyzing the others would take 0.5 s.
    planned = ("partition_key", "attempt", "outcome", *flow.published.key)
    columns = sql.SQL(", ").join(map(sql.Identifier, planned))
    with connection.transaction():
        connection.execute("SET LOCAL default_statistics_target = 10")
        connection.execute(sql.SQL("ANALYZE {} ({})").format(name, columns))
