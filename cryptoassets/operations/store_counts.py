"""Row counts of the stores for `run` and `status`, without reading whole tables.

What goes here: how many rows each store has, and how new they are. Counts of published tables come
from the ledger; `audit` checks that the rows exist.
"""

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import LiteralString

import pymongo
from psycopg import sql

from cryptoassets.operations.session import Stores
from cryptoassets.schemas import (
    COINS,
    FLOWS,
    MARTS,
    QUARANTINE,
    Table,
    asset_of,
)
from cryptoassets.stores.mongodb import DEAD_LETTERS, oldest_or_newest_time

_PUBLISHED = """
    SELECT coalesce(sum(loaded_rows), 0)::bigint, (SELECT max(observed_at) FROM {table})
    FROM warehouse.loads WHERE asset = {asset} AND expired_at IS NULL
"""
# The newest time is read only from the last partition with quarantined rows, because no index
# orders the whole quarantine by time.
_QUARANTINED = """
    SELECT coalesce(sum(quarantined_rows), 0)::bigint, (
        SELECT max(first_seen_at) FROM warehouse.quarantine, (
            SELECT asset, partition_key FROM warehouse.loads
            WHERE quarantined_rows > 0 AND expired_at IS NULL
            ORDER BY partition_key DESC LIMIT 1
        ) AS newest
        WHERE quarantine.asset = newest.asset AND quarantine.partition_key = newest.partition_key
    ) FROM warehouse.loads WHERE expired_at IS NULL
"""
_MART = """
    SELECT coalesce(sum(loaded_rows), 0)::bigint, max(partition_key) FILTER (WHERE loaded_rows > 0)
    FROM warehouse.mart_loads WHERE asset = {asset}
"""
_COUNTED = "SELECT count(*), max(last_seen_at) FROM {table}"


def _queries() -> dict[Table, LiteralString]:
    return {
        COINS: _COUNTED,
        **{flow.published: _PUBLISHED for flow in FLOWS},
        QUARANTINE: _QUARANTINED,
        **{mart.table: _MART for mart in MARTS},
    }


@dataclass(frozen=True)
class StoreCount:
    """Rows of one collection or table.

    Attributes:
        newest: newest time or day: an ISO time or date in UTC.
        is_by_ledger: the number of rows was read from the ledger; False: the rows were counted.
    """

    store: str
    name: str
    rows: int
    newest: str | None
    is_by_ledger: bool = False


def store_counts(stores: Stores) -> list[StoreCount]:
    """Count MongoDB's collections and PostgreSQL's tables, in the order of the data flow."""
    lake = stores.mongo.lake()
    counts = []
    for name in (flow.raw.name for flow in FLOWS):
        moment = oldest_or_newest_time(lake[name], {}, pymongo.DESCENDING)
        rows = lake[name].estimated_document_count()
        counts.append(StoreCount("MongoDB", f"{lake.name}.{name}", rows, _iso(moment)))
    letters = lake[DEAD_LETTERS].estimated_document_count()
    counts.append(StoreCount("MongoDB", f"{lake.name}.{DEAD_LETTERS}", letters, None))
    with stores.postgres.connect() as connection:
        for table, form in _queries().items():
            query = sql.SQL(form).format(
                table=sql.Identifier(table.schema, table.name),
                asset=sql.Literal(asset_of(table)),
            )
            rows, moment = connection.execute(query).fetchone() or (0, None)
            counts.append(
                StoreCount(
                    "PostgreSQL",
                    table.full_name,
                    rows,
                    _iso(moment),
                    is_by_ledger=form is not _COUNTED,
                )
            )
    return counts


def _iso(moment: object) -> str | None:
    if isinstance(moment, datetime):
        return moment.astimezone(UTC).isoformat(timespec="seconds")
    return None if moment is None else str(moment)
