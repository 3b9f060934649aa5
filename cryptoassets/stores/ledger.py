"""The ledger: what `warehouse.loads` records about the latest publication of each partition.

What goes here: statements that read or change only this table. What stays out: the rows that
publishing writes (in `stores.publishing`), statements that join this table with others.
"""

from collections.abc import Collection
from dataclasses import dataclass, fields
from datetime import datetime, timedelta
from typing import Any

import psycopg
from psycopg import sql

from cryptoassets.partitions.spans import Span, partition_name, partition_window, partitions_in
from cryptoassets.schemas import Flow
from cryptoassets.transforms.reconciliation import Counts

Cursor = psycopg.Cursor[Any]

_DAY = timedelta(days=1)


@dataclass(frozen=True)
class LedgerRow(Counts):
    """The row of one partition in the ledger.

    Attributes:
        expired_at: when retention deleted the partition; None if it did not.
        publication: number of the latest publication that changed rows of the table.
        loaded_at: when the partition was last published.
        clean_checksum, rows_checksum: see `stores.checksums`; None if the version that published
            the partition did not record them.
    """

    expired_at: datetime | None
    publication: int
    loaded_at: datetime
    clean_checksum: str | None
    rows_checksum: str | None

    @property
    def counts(self) -> Counts:
        """Only the counts, to compare them with other counts."""
        return Counts(self.raw_rows, self.loaded_rows, self.quarantined_rows, self.superseded_rows)


_COLUMNS = sql.SQL(", ").join(sql.Identifier(column.name) for column in fields(LedgerRow))
_LEDGER = sql.SQL("SELECT partition_key, {} FROM warehouse.loads WHERE asset = %s").format(_COLUMNS)
_ROW = sql.SQL("SELECT {} FROM warehouse.loads WHERE asset = %s AND partition_key = %s").format(
    _COLUMNS
)

EXPIRED_COLUMNS = (
    *("run_id", "raw_rows", "loaded_rows", "quarantined_rows", "superseded_rows"),
    *("loaded_at", "expired_at"),
)
"""Columns of an expired partition's ledger row, except its key; the lake keeps a copy of them."""
_EXPIRE = sql.SQL(
    # `expired_at` is truncated to milliseconds, because the lake keeps it as a BSON date.
    "UPDATE warehouse.loads "
    "SET expired_at = coalesce(expired_at, date_trunc('milliseconds', now())), "
    "clean_checksum = NULL, rows_checksum = NULL "
    "WHERE asset = %s AND partition_key = %s "
    "AND (raw_rows >= %s OR expired_at IS NOT NULL) RETURNING {}"
).format(sql.SQL(", ").join(map(sql.Identifier, EXPIRED_COLUMNS)))
_RESTORE = sql.SQL("INSERT INTO warehouse.loads ({}) VALUES ({}) ON CONFLICT DO NOTHING").format(
    sql.SQL(", ").join(map(sql.Identifier, ("asset", "partition_key", *EXPIRED_COLUMNS))),
    sql.SQL(", ").join(map(sql.Placeholder, ("asset", "partition_key", *EXPIRED_COLUMNS))),
)


def ledger_of(cursor: Cursor, flow: Flow) -> dict[datetime, LedgerRow]:
    """The ledger rows of all partitions of a flow, by the start of the partition."""
    rows = cursor.execute(_LEDGER, [flow.asset])
    return {partition_window(key)[0]: LedgerRow(*row) for key, *row in rows}


def ledger_row(cursor: Cursor, flow: Flow, window: Span) -> LedgerRow | None:
    """The ledger row of a partition; None if the partition was never published."""
    row = cursor.execute(_ROW, [flow.asset, partition_name(window)]).fetchone()
    return LedgerRow(*row) if row else None


def is_any_published(cursor: Cursor, assets: Collection[str], window: Span) -> bool:
    """Whether any partition of a range (whole days, or one hour) was ever published."""
    days = [start.strftime("%Y-%m-%d") for start, _ in partitions_in(window, _DAY)]
    keys = days or [partition_name(window)]
    cursor.execute(
        "SELECT FROM warehouse.loads WHERE asset = ANY(%s) "
        "AND (partition_key = ANY(%s) OR left(partition_key, 10) = ANY(%s)) LIMIT 1",
        [list(assets), keys, keys],
    )
    return cursor.fetchone() is not None


def expire(cursor: Cursor, asset: str, partition_key: str, documents: int) -> dict[str, Any] | None:
    """Mark a partition as expired; return the `EXPIRED_COLUMNS` of its row.

    Args:
        cursor: cursor in a transaction.
        asset: asset of the partition.
        partition_key: its key.
        documents: number of raw documents that the partition has now. If the latest publication
            processed fewer, the partition is not marked and None is returned, unless it is marked
            already.
    """
    row = cursor.execute(_EXPIRE, [asset, partition_key, documents]).fetchone()
    return dict(zip(EXPIRED_COLUMNS, row, strict=True)) if row else None


def first_expired(cursor: Cursor, asset: str, partition_keys: Collection[str]) -> str | None:
    """The first of these partitions that is marked as expired; None if none is."""
    row = cursor.execute(
        "SELECT partition_key FROM warehouse.loads WHERE asset = %s AND partition_key = ANY(%s) "
        "AND expired_at IS NOT NULL ORDER BY 1 LIMIT 1",
        [asset, list(partition_keys)],
    ).fetchone()
    return row[0] if row else None


def restore_expired(cursor: Cursor, row: dict[str, Any]) -> bool:
    """Insert the row of an expired partition if the row is missing; return whether it was."""
    return cursor.execute(_RESTORE, row).rowcount > 0
