"""The ledger: what `warehouse.loads` says of the latest publication of each partition.

What goes here: reading it. What stays out: the rows that publishing writes (in
`stores.publishing`).
"""

from dataclasses import dataclass, fields
from datetime import datetime
from typing import Any

import psycopg
from psycopg import sql

from cryptoassets.partitions.spans import partition_window
from cryptoassets.schemas import Flow


@dataclass(frozen=True)
class LedgerRow:
    """What the ledger says of the latest publication of a partition.

    Attributes:
        raw_rows, loaded_rows, quarantined_rows, superseded_rows: counts.
        expired_at: when retention deleted the partition; None: it is there.
        publication: number of the latest publication that changed rows of the table.
        loaded_at: when it was published.
        clean_checksum, rows_checksum: see `stores.checksums`; None: published before they were
            kept.
    """

    raw_rows: int
    loaded_rows: int
    quarantined_rows: int
    superseded_rows: int
    expired_at: datetime | None
    publication: int
    loaded_at: datetime
    clean_checksum: str | None
    rows_checksum: str | None


_LEDGER = sql.SQL("SELECT partition_key, {} FROM warehouse.loads WHERE asset = %s").format(
    sql.SQL(", ").join(sql.Identifier(column.name) for column in fields(LedgerRow))
)


def ledger_of(cursor: psycopg.Cursor[Any], flow: Flow) -> dict[datetime, LedgerRow]:
    """What the ledger says of all partitions of a flow, by their start."""
    rows = cursor.execute(_LEDGER, [flow.asset])
    return {partition_window(key)[0]: LedgerRow(*row) for key, *row in rows}
