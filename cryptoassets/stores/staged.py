"""What tasks have staged: the table of one publication, and what is published from it.

What goes here: the life of the table, and the queries of a partition's rows. What stays out:
copying rows to it (in `staging`), publishing (in `io_managers.judged`).
"""

import contextlib
import json
from collections import Counter
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
from cryptoassets.stores.checksums import added
from cryptoassets.stores.staging import SCHEMA, Cursor, Staged

EXECUTOR = "executor"
"""Role of a cluster's workers, where there is one: it may insert here and nothing else."""

_LOCKED = psycopg.errors.LockNotAvailable
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
        # What is left, by a server that has gone, say, is swept by the next run.
        with contextlib.suppress(psycopg.OperationalError):
            _drop(connection, name)


def _sweep(connection: psycopg.Connection[Any]) -> None:
    """Drop the tables whose owner, the connection of a run, is gone."""
    for name, owner in connection.execute(_OWNERS).fetchall():
        pid, _, start = (owner or "").partition(" ")
        answer = connection.execute(_IS_ALIVE, [int(pid) if pid.isdecimal() else 0, start, start])
        if answer.fetchone() is None:
            _drop(connection, name)


def _drop(connection: psycopg.Connection[Any], name: str) -> None:
    """Drop a staging table, unless tasks of a killed driver are still copying to it."""
    table = sql.Identifier(SCHEMA, name)
    with contextlib.suppress(_LOCKED, psycopg.errors.InsufficientPrivilege), _soon(connection):
        connection.execute(sql.SQL("DROP TABLE IF EXISTS {}").format(table))


@contextmanager
def _soon(connection: psycopg.Connection[Any]) -> Iterator[None]:
    """Work in a transaction, or a part of one, that waits for no lock of a lost task."""
    with connection.transaction():
        connection.execute("SET LOCAL lock_timeout = '1s'")
        yield


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
    def clean_checksum(self) -> str | None:
        """Checksum of the cleaned rows; None: they are of no files."""
        checksums = [part.checksum for part in self.parts]
        return added(checksums) if all(checksums) else None

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
        table = sql.Identifier(SCHEMA, self.table)
        return sql.SQL("(SELECT {} FROM {} WHERE {} AND outcome = {})").format(
            columns, table, self._is_own(), sql.Literal(outcome)
        )

    def _is_own(self) -> sql.Composed:
        """The condition of all rows of the partition that count."""
        return sql.SQL("partition_key = {} AND attempt = ANY({})").format(
            sql.Literal(partition_name(self.partition)),
            sql.Literal([part.attempt for part in self.parts]),
        )

    def drop(self, cursor: Cursor) -> None:
        """Drop the staging table when the transaction commits."""
        _drop(cursor.connection, self.table)

    def refuse_lost_rows(self, cursor: Cursor) -> None:
        """Refuse to publish unless all rows that tasks have staged are there, and no more.

        Raises:
            StoreUnavailableError: PostgreSQL was killed meanwhile, and unlogged rows with it.
        """
        wanted = (self.count("valid"), self.count("quarantined"))
        query = sql.SQL(
            "SELECT count(*) FILTER (WHERE outcome = 'valid'), "
            "count(*) FILTER (WHERE outcome = 'quarantined') FROM {} WHERE {}"
        ).format(sql.Identifier(SCHEMA, self.table), self._is_own())
        found = cursor.execute(query).fetchone()
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


def prepare_staged(
    connection: psycopg.Connection[Any], table: str, flow: Flow, partitions: int
) -> None:
    """Prepare a staging table for being read partition by partition.

    Args:
        connection: of `staging_table`.
        table: its name.
        flow: where the rows go.
        partitions: how many the rows are of.
    """
    name = sql.Identifier(SCHEMA, table)
    if partitions > 1:
        # Without the index it is read whole for each partition, no more.
        with contextlib.suppress(_LOCKED), _soon(connection):
            connection.execute(sql.SQL("CREATE INDEX ON {} (partition_key)").format(name))
    # Of the other columns nothing is planned, and a thorough look at them takes half a second.
    planned = ("partition_key", "attempt", "outcome", *flow.published.key)
    columns = sql.SQL(", ").join(map(sql.Identifier, planned))
    with connection.transaction():
        connection.execute("SET LOCAL default_statistics_target = 10")
        connection.execute(sql.SQL("ANALYZE {} ({})").format(name, columns))
