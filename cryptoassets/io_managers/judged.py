"""Publishes a partition of judged rows: writes table, quarantine and ledger in one transaction.

What goes here: what is refused before anything is written, and the order of the steps. What stays
out: judging rows as valid, quarantined or superseded (in `transforms`), staging them (in
`stores.staging`), the SQL statements (in `publishing`), Dagster (in `postgres`).
"""

from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from datetime import timedelta

from psycopg import sql

from cryptoassets.errors import (
    ContractViolationError,
    MixedSourcesError,
    PartitionChangedError,
)
from cryptoassets.partitions.spans import Span, partition_name
from cryptoassets.resources.locks import lock
from cryptoassets.resources.postgres import ensure_months
from cryptoassets.schemas import FLOWS
from cryptoassets.stores import publishing
from cryptoassets.stores.additions import Addition, LatestPublication, latest_publication
from cryptoassets.stores.checksums import (
    NO_ROWS,
    added_rows_checksum,
    rows_checksum,
    sum_rows_checksums,
)
from cryptoassets.stores.expiry import refuse_expired
from cryptoassets.stores.publications import record_load
from cryptoassets.stores.publishing import Changes, Checksums, Cursor, Load
from cryptoassets.stores.staged import StagedPartition

Transaction = Callable[[str], AbstractContextManager[Cursor]]
"""Opens a transaction; takes the action to name in error messages, e.g. `publishing <asset>`."""


@dataclass(frozen=True)
class Publication:
    """The result of publishing one partition.

    Attributes:
        load: the ledger row with the partition's counts.
        staged: the staged rows.
        previous_raw_rows: number of raw documents in the previous publication.
        row_count: number of rows that the table has for the partition now.
        changes: rows written and removed.
        released: number of documents that left the quarantine.
        reasons: maps reason codes to numbers of quarantined documents, most frequent first.
    """

    load: Load
    staged: StagedPartition
    previous_raw_rows: int
    row_count: int
    changes: Changes
    released: int = 0
    reasons: Mapping[str, int] = field(default_factory=dict)

    @property
    def is_older(self) -> bool:
        """Whether the previous publication had more raw documents; then nothing was published."""
        return self.previous_raw_rows > self.load.raw_rows


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
        PartitionChangedError: only added rows are staged, but the rows published earlier have
            changed; nothing was published. The whole partition must be staged.
        StoreError: the database refused a statement, or the connection was lost; nothing was
            published.
    """
    flow, window = staged.flow, staged.partition
    partition = partition_name(window)
    if staged.problems:
        message = f"{flow.asset} {partition}: {'; '.join(staged.problems)}. Nothing was published, "
        raise ContractViolationError(f"{message}and a retry will not help.")
    load = staged.load(run_id)
    valid, refused = staged.valid_rows(), staged.refused_rows(run_id)
    with transaction(f"publishing {flow.asset} {partition}") as cursor:
        if flow.is_by_month:
            _make_months(cursor, window)
        refuse_mixed_sources(cursor, staged.sources)
        lock(cursor, flow.asset, partition)
        refuse_expired(cursor, flow.asset, [partition])
        latest = latest_publication(cursor, flow.asset, partition)
        previous, loaded = latest.raw_rows, latest.loaded_rows
        if previous > load.raw_rows:
            return Publication(load, staged, previous, loaded, Changes())
        staged.refuse_lost_rows(cursor)
        if staged.addition:
            _refuse_change(cursor, staged, staged.addition, latest)
        scope = publishing.in_window("observed_at", staged.span)
        changes = publishing.replace_rows(cursor, flow.published, scope, valid)
        if staged.addition:
            refusals, released = publishing.add_to_quarantine(cursor, refused), 0
        else:
            refusals, released = publishing.replace_quarantine(cursor, load, valid, refused)
        are_counts_new = (previous, loaded) != (load.raw_rows, load.loaded_rows)
        number = record_load(
            cursor,
            load,
            changes,
            staged.files_hash,
            has_other_changes=bool(refusals) or are_counts_new,
        )
        # If the ledger was lost, even unchanged rows need a publication number.
        has_other_rows = bool(changes) or loaded != load.loaded_rows
        checksums = Checksums(staged.clean_checksum, _rows_checksum(cursor, staged, refused))
        publishing.write_ledger(cursor, load, checksums, number if has_other_rows else 0)
        reasons = publishing.count_reasons(cursor, flow.asset, partition)
        if is_last:
            staged.drop(cursor)
    return Publication(load, staged, previous, load.loaded_rows, changes, released, reasons)


def _refuse_change(
    cursor: Cursor, staged: StagedPartition, addition: Addition, latest: LatestPublication
) -> None:
    """Refuse to add rows if another run has published since, or if existing rows are missing.

    Rows are counted, but their values are not compared. `audit` finds a value that was changed by
    hand, because the ledger keeps the checksum from before the change.
    """
    flow, window = staged.flow, staged.partition
    partition = partition_name(window)
    older = publishing.in_window("observed_at", Span(window.start, addition.since))
    counted = publishing.count_rows(cursor, flow.published, older, flow.asset, partition)
    if latest != addition.latest or counted != (latest.loaded_rows, latest.quarantined_rows):
        raise PartitionChangedError(
            f"{flow.asset} {partition} has changed since its latest publication was read. A retry "
            "helps: it publishes the whole partition"
        )


def _rows_checksum(cursor: Cursor, staged: StagedPartition, refused: sql.Composable) -> str:
    if staged.addition is None:
        return rows_checksum(cursor, staged.flow, staged.partition)
    added = added_rows_checksum(cursor, staged.flow, staged.span, refused)
    return sum_rows_checksums(staged.addition.latest.rows_checksum or NO_ROWS, added)


def _make_months(cursor: Cursor, window: Span) -> None:
    """Create the table partitions of a window's month and the next; commit before rows are written.

    A query that was planned before a table partition existed does not read it, but may see the new
    ledger row. Therefore the partition is committed before its first rows are published.
    """
    month = window[0].date().replace(day=1)
    ensure_months(cursor.connection, [month, month + timedelta(days=32)])


def refuse_mixed_sources(cursor: Cursor, sources: set[str]) -> None:
    """Refuse to mix simulated and real rows in the published tables.

    Args:
        cursor: any cursor.
        sources: sources of the valid rows to publish.

    Raises:
        MixedSourcesError: the tables hold rows of the other kind; the message names a remedy.
    """
    for flow in FLOWS if sources else ():
        table = sql.Identifier(flow.published.schema, flow.published.name)
        # One row is enough, because existing rows are never mixed.
        row = cursor.execute(sql.SQL("SELECT source FROM {} LIMIT 1").format(table)).fetchone()
        if row and {source == "coincap" for source in sources} != {row[0] == "coincap"}:
            message = (
                f"PostgreSQL holds data of source {row[0]!r}; data of source "
                f"{', '.join(sorted(sources))} would mix with it. A retry will not help; set "
                "POSTGRES_URL and MONGO_URL to separate databases for each source, or set "
                "neither (the embedded stores are separate for each source)"
            )
            raise MixedSourcesError(message)


def left_out_message(left_out: Sequence[str], partitions: int) -> str:
    """Name the partitions of a run that could not be published.

    Args:
        left_out: one sentence per partition that was not published.
        partitions: number of partitions of the run.
    """
    if partitions == 1:
        return left_out[0]
    return (
        f"Not published: {len(left_out)} of {partitions} partitions (the others were published). "
        f"{' '.join(left_out)}"
    )
