"""Publishing a partition of judged rows: table, quarantine and ledger in one transaction.

What goes here: what is refused before anything is written, and the order of the steps. What stays
out: the statements (in `publishing`), Dagster and Spark (in `postgres`).
"""

from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from datetime import timedelta

import pyarrow as pa
import pyarrow.compute as pc
from psycopg import sql

from cryptoassets.errors import ContractViolationError, MixedSourcesError
from cryptoassets.io_managers import publishing
from cryptoassets.io_managers.copying import stage
from cryptoassets.io_managers.expiry import refuse_expired
from cryptoassets.io_managers.publications import record_load
from cryptoassets.io_managers.publishing import Changes, Cursor, Load
from cryptoassets.partitions.spans import Span, partition_name
from cryptoassets.resources.locks import lock
from cryptoassets.resources.postgres import ensure_months
from cryptoassets.schemas import FLOWS, QUARANTINE, Flow
from cryptoassets.stores.checksums import rows_checksum
from cryptoassets.transforms.contract import conservation_problems, key_problems, tally

Transaction = Callable[[str], AbstractContextManager[Cursor]]
"""Opens a transaction for an action, named for messages; errors in it are ours."""


@dataclass(frozen=True)
class Publication:
    """What became of one partition.

    Attributes:
        load: the counts of this view.
        valid: its rows for the table.
        refused: its rows for the quarantine.
        seen: raw documents that the publication before this one saw.
        rows_there: rows of the table that count for the partition now.
        changes: rows written and removed.
        released: documents that left the quarantine.
    """

    load: Load
    valid: pa.Table
    refused: pa.Table
    seen: int
    rows_there: int
    changes: Changes
    released: int = 0

    @property
    def is_older(self) -> bool:
        """Whether this view had fewer raw documents than what stands, and published nothing."""
        return self.seen > self.load.raw_rows


def rows_in(judged: pa.Table, window: Span) -> pa.Table:
    """The judged rows of one partition of a range."""
    start, end = (pa.scalar(moment, judged["observed_at"].type) for moment in window)
    is_within = pc.and_(
        pc.greater_equal(judged["observed_at"], start), pc.less(judged["observed_at"], end)
    )
    return judged.filter(is_within)


def publish(
    transaction: Transaction,
    flow: Flow,
    judged: pa.Table,
    window: Span,
    run_id: str,
    *,
    clean_checksum: str | None = None,
) -> Publication:
    """Publish one partition; a view older than what stands publishes nothing.

    Args:
        transaction: see `Transaction`.
        flow: where the rows go.
        judged: all rows of the partition, at least `flow.judged_columns`.
        window: the partition.
        run_id: the Dagster run that publishes.
        clean_checksum: of the Parquet that `judged` was read from; None: not known.

    Raises:
        ContractViolationError: keys or counts do not add up; nothing was published.
        MixedSourcesError: the database holds rows of another kind of source.
        ExpiredPartitionError: retention deleted the partition.
        StoreError: the database refused or went away; nothing was published.
    """
    partition = partition_name(window)
    problems = conservation_problems(judged) + key_problems(judged, flow.published.key)
    if problems:
        message = f"{flow.asset} {partition}: {'; '.join(problems)}. Nothing was published; "
        raise ContractViolationError(f"{message}no retry will help.")
    load = replace(_load(flow, judged, partition, run_id), clean_checksum=clean_checksum)
    valid = judged.filter(pc.equal(judged["outcome"], "valid"))
    refused = quarantine_rows(judged, load)
    scope = publishing.in_window("observed_at", window)
    with transaction(f"publishing {flow.asset} {partition}") as cursor:
        if flow.is_by_month:
            _make_months(cursor, window)
        refuse_mixed_sources(cursor, valid)
        stage(cursor, flow.published, valid)
        stage(cursor, QUARANTINE, refused)
        lock(cursor, flow.asset, partition)
        refuse_expired(cursor, flow.asset, [partition])
        seen, loaded = publishing.published_rows(cursor, flow.asset, partition)
        if seen > load.raw_rows:
            return Publication(load, valid, refused, seen, loaded, Changes())
        changes = publishing.replace_rows(cursor, flow.published, scope)
        refusals, released = publishing.replace_quarantine(cursor, load, flow.published)
        is_seen = (seen, loaded) == (load.raw_rows, load.loaded_rows)
        number = record_load(cursor, load, changes, is_other=bool(refusals) or not is_seen)
        # A ledger that was lost, say, has no number for rows that are there.
        has_other_rows = bool(changes) or loaded != load.loaded_rows
        checksum = rows_checksum(cursor, flow, window)
        publishing.write_ledger(cursor, load, number if has_other_rows else 0, checksum)
    return Publication(load, valid, refused, seen, load.loaded_rows, changes, released)


def quarantine_rows(judged: pa.Table, load: Load) -> pa.Table:
    """The quarantined rows of a partition as rows of `warehouse.quarantine`."""
    refused = judged.filter(pc.equal(judged["outcome"], "quarantined"))
    constants = {"asset": load.asset, "partition_key": load.partition_key, "run_id": load.run_id}
    columns = {
        **{name: refused[name] for name in ("raw_id", "reasons", "payload")},
        "first_seen_at": refused["fetched_at"],
        **{name: pa.repeat(pa.scalar(text), len(refused)) for name, text in constants.items()},
    }
    return pa.table({name: columns[name] for name in QUARANTINE.column_names})


def _load(flow: Flow, judged: pa.Table, partition: str, run_id: str) -> Load:
    counted = tally(judged)
    return Load(
        asset=flow.asset,
        partition_key=partition,
        run_id=run_id,
        raw_rows=counted.raw,
        loaded_rows=counted.valid,
        quarantined_rows=counted.quarantined,
        superseded_rows=counted.superseded,
    )


def _make_months(cursor: Cursor, window: Span) -> None:
    """Make this month's partition and the next one, committed before anything is published.

    A reader that was planned before a partition came does not look into it, though it may already
    see the ledger row that came with it: so a month must stand before its first row does.
    """
    month = window[0].date().replace(day=1)
    ensure_months(cursor.connection, [month, month + timedelta(days=32)])


def refuse_mixed_sources(cursor: Cursor, valid: pa.Table) -> None:
    """Refuse simulated rows beside real ones, in any published table, and the other way round.

    Raises:
        MixedSourcesError: with the way out.
    """
    coming = set(pc.unique(valid["source"]).to_pylist())
    for flow in FLOWS if coming else ():
        table = sql.Identifier(flow.published.schema, flow.published.name)
        # Any row tells: what is there was never mixed.
        there = cursor.execute(sql.SQL("SELECT source FROM {} LIMIT 1").format(table)).fetchone()
        if there and {source == "coincap" for source in coming} != {there[0] == "coincap"}:
            message = (
                f"PostgreSQL holds prices of source {there[0]!r}; those of "
                f"{', '.join(sorted(coming))} would mix with them. A retry will not help; set "
                "POSTGRES_URL and MONGO_URL to databases of their own for each source, or leave "
                "both out (the embedded stores are kept apart)"
            )
            raise MixedSourcesError(message)
