"""Counts of the stores for `run` and `status`; no table is read from end to end.

What goes here: how many rows each store holds, and how new they are. Rows of published tables are
those that the ledger counts; `audit` proves that they are there.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import LiteralString

import pymongo
from psycopg import sql

from cryptoassets.operations.session import Stores
from cryptoassets.resources.postgres import PostgresResource
from cryptoassets.schemas import (
    COIN_DAILY,
    COIN_PRICE_HISTORY,
    COIN_PRICES,
    COINS,
    MARKET_DAILY,
    QUARANTINE,
    Table,
)
from cryptoassets.stores.mongodb import COLLECTIONS, DEAD_LETTERS, end_of_times

_PUBLISHED = """
    SELECT coalesce(sum(loaded_rows), 0)::bigint, (SELECT max(observed_at) FROM {table})
    FROM warehouse.loads WHERE asset = {asset} AND expired_at IS NULL
"""
# Newest means newest of the last hour or day that has any: no index orders the quarantine by time.
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
_MADE = """
    SELECT coalesce(sum(loaded_rows), 0)::bigint, max(partition_key) FILTER (WHERE loaded_rows > 0)
    FROM warehouse.mart_loads WHERE asset = {asset}
"""
_COUNTED = "SELECT count(*), max(last_seen_at) FROM {table}"
_QUESTIONS: dict[Table, LiteralString] = {
    COINS: _COUNTED,
    COIN_PRICES: _PUBLISHED,
    COIN_PRICE_HISTORY: _PUBLISHED,
    QUARANTINE: _QUARANTINED,
    COIN_DAILY: _MADE,
    MARKET_DAILY: _MADE,
}


@dataclass(frozen=True)
class StoreCount:
    """Rows of one collection or table.

    Attributes:
        newest: ISO text, UTC.
        is_by_ledger: the number of rows is the ledger's; else they were counted.
    """

    store: str
    name: str
    rows: int
    newest: str | None
    is_by_ledger: bool = False


def store_counts(stores: Stores) -> list[StoreCount]:
    """Count MongoDB's collections and PostgreSQL's tables, in flow order."""
    lake = stores.mongo.lake()
    counts = []
    for name in COLLECTIONS:
        moment = end_of_times(lake[name], {}, pymongo.DESCENDING)
        rows = lake[name].estimated_document_count()
        counts.append(StoreCount("MongoDB", f"{lake.name}.{name}", rows, _iso(moment)))
    letters = lake[DEAD_LETTERS].estimated_document_count()
    counts.append(StoreCount("MongoDB", f"{lake.name}.{DEAD_LETTERS}", letters, None))
    with stores.postgres.connect() as connection:
        for table, form in _QUESTIONS.items():
            query = sql.SQL(form).format(
                table=sql.Identifier(table.schema, table.name),
                asset=sql.Literal(f"{table.schema}/{table.name}"),
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


def newest_price_age(postgres: PostgresResource) -> timedelta | None:
    """Age of the newest price by the server's clock; None: there is none."""
    with postgres.connect() as connection:
        query = "SELECT now() - max(observed_at) FROM warehouse.coin_prices"
        row = connection.execute(query).fetchone()
    return row[0] if row else None


def _iso(moment: object) -> str | None:
    if isinstance(moment, datetime):
        return moment.strftime("%Y-%m-%d %H:%M:%S UTC")
    return None if moment is None else str(moment)
