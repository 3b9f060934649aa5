"""Publishes a partition of judged rows: table, quarantine and ledger in one transaction.

What goes here: what is refused before anything is written, and the order of the steps. What stays
out: staging the rows (in `stores.staging`), the SQL statements (in `publishing`), Dagster (in
`postgres`).
"""

from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import timedelta

from psycopg import sql

from cryptoassets.errors import ContractViolationError, MixedSourcesError
from cryptoassets.partitions.spans import Span, partition_name
from cryptoassets.resources.locks import lock
from cryptoassets.resources.postgres import ensure_months
from cryptoassets.schemas import FLOWS
from cryptoassets.stores import publishing
from cryptoassets.stores.checksums import rows_checksum
from cryptoassets.stores.expiry import refuse_expired
from cryptoassets.stores.publications import record_load
from cryptoassets.stores.publishing import Changes, Checksums, Cursor, Load
from cryptoassets.stores.staged import StagedPartition

Transaction = Callable[[str], AbstractContextManager[Cursor]]
"""Opens a transaction for an action, which messages name; raises `CryptoassetsError`."""


@dataclass(frozen=True)
class Publication:
    """The result of publishing one partition.

    Attributes:
        load: counts of the staged rows.
        staged: the staged rows.
        seen: number of raw documents in the previous publication.
        rows_there: number of rows that the table has for the partition now.
        changes: rows written and removed.
        released: number of documents that left the quarantine.
    """

    load: Load
    staged: StagedPartition
    seen: int
    rows_there: int
    changes: Changes
    released: int = 0

    @property
    def is_older(self) -> bool:
        """Whether the previous publication had more raw documents; then nothing was published."""
        return self.seen > self.load.raw_rows


def publish(
    transaction: Transaction, staged: StagedPartition, run_id: str, *, is_last: bool = True
) -> Publication:
    """Publish one partition, unless the previous publication had more raw documents.

    Args:
        transaction: see `Transaction`.
        staged: the rows of the partition.
        run_id: the Dagster run that publishes.
        is_last: whether this is the last partition of the staging table, which is then dropped.

    Raises:
        ContractViolationError: keys or counts are inconsistent; nothing was published.
        MixedSourcesError: the database holds rows of another kind of source.
        ExpiredPartitionError: retention deleted the partition.
        StoreError: the database refused or the connection was lost; nothing was published.
    """
    flow, window = staged.flow, staged.partition
    partition = partition_name(window)
    if staged.problems:
        message = f"{flow.asset} {partition}: {'; '.join(staged.problems)}. Nothing was published; "
        raise ContractViolationError(f"{message}no retry will help.")
    load = _load(staged, run_id)
    valid, refused = staged.valid_rows(), staged.refused_rows(run_id)
    with transaction(f"publishing {flow.asset} {partition}") as cursor:
        if flow.is_by_month:
            _make_months(cursor, window)
        refuse_mixed_sources(cursor, staged.sources)
        lock(cursor, flow.asset, partition)
        refuse_expired(cursor, flow.asset, [partition])
        seen, loaded = publishing.published_rows(cursor, flow.asset, partition)
        if seen > load.raw_rows:
            return Publication(load, staged, seen, loaded, Changes())
        staged.refuse_lost_rows(cursor)
        scope = publishing.in_window("observed_at", window)
        changes = publishing.replace_rows(cursor, flow.published, scope, valid)
        refusals, released = publishing.replace_quarantine(cursor, load, valid, refused)
        is_seen = (seen, loaded) == (load.raw_rows, load.loaded_rows)
        number = record_load(cursor, load, changes, is_other=bool(refusals) or not is_seen)
        # If the ledger was lost, the table may have rows without a publication number.
        has_other_rows = bool(changes) or loaded != load.loaded_rows
        checksums = Checksums(staged.clean_checksum, rows_checksum(cursor, flow, window))
        publishing.write_ledger(cursor, load, checksums, number if has_other_rows else 0)
        if is_last:
            staged.drop(cursor)
    return Publication(load, staged, seen, load.loaded_rows, changes, released)


def _load(staged: StagedPartition, run_id: str) -> Load:
    return Load(
        asset=staged.flow.asset,
        partition_key=partition_name(staged.partition),
        run_id=run_id,
        raw_rows=staged.count("raw"),
        loaded_rows=staged.count("valid"),
        quarantined_rows=staged.count("quarantined"),
        superseded_rows=staged.count("superseded"),
    )


def _make_months(cursor: Cursor, window: Span) -> None:
    """Create this month's partition and the next one, and commit before anything is published.

    A query that was planned before a partition existed does not read it, although the query may
    see the new ledger row. Therefore a month is committed before its first rows.
    """
    month = window[0].date().replace(day=1)
    ensure_months(cursor.connection, [month, month + timedelta(days=32)])


def refuse_mixed_sources(cursor: Cursor, coming: set[str]) -> None:
    """Refuse to mix simulated and real rows in the published tables.

    Args:
        cursor: any cursor.
        coming: sources of the valid rows to publish.

    Raises:
        MixedSourcesError: with a remedy.
    """
    for flow in FLOWS if coming else ():
        table = sql.Identifier(flow.published.schema, flow.published.name)
        # One row is enough, because existing rows are never mixed.
        there = cursor.execute(sql.SQL("SELECT source FROM {} LIMIT 1").format(table)).fetchone()
        if there and {source == "coincap" for source in coming} != {there[0] == "coincap"}:
            message = (
                f"PostgreSQL holds prices of source {there[0]!r}; those of "
                f"{', '.join(sorted(coming))} would mix with them. A retry will not help; set "
                "POSTGRES_URL and MONGO_URL to separate databases for each source, or set "
                "neither (the embedded stores are separate for each source)"
            )
            raise MixedSourcesError(message)
