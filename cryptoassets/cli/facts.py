"""Counts of the stores for `run` and `status`; reads only.

What goes here: what a person asks first: how much is where, and how new it is.
"""

from contextlib import closing
from dataclasses import dataclass
from datetime import datetime, timedelta

import pymongo
from psycopg import sql

from cryptoassets.resources.mongo import MongoResource
from cryptoassets.resources.postgres import PostgresResource
from cryptoassets.schemas import (
    COIN_DAILY,
    COIN_PRICE_HISTORY,
    COIN_PRICES,
    COINS,
    MARKET_DAILY,
    QUARANTINE,
)
from cryptoassets.stores.mongodb import COLLECTIONS, DEAD_LETTERS, end_of_times

_NEWEST_BY = {
    COINS: "last_seen_at",
    COIN_PRICES: "observed_at",
    COIN_PRICE_HISTORY: "observed_at",
    QUARANTINE: "first_seen_at",
    COIN_DAILY: "day",
    MARKET_DAILY: "day",
}


@dataclass(frozen=True)
class StoreCount:
    """Rows of one collection or table; `newest` is ISO text, UTC."""

    store: str
    name: str
    rows: int
    newest: str | None


def store_counts() -> list[StoreCount]:
    """Count MongoDB's collections and PostgreSQL's tables, in flow order."""
    lake = MongoResource().lake()
    counts = []
    with closing(lake.client):
        for name in COLLECTIONS:
            moment = end_of_times(lake[name], {}, pymongo.DESCENDING)
            rows = lake[name].estimated_document_count()
            counts.append(StoreCount("MongoDB", f"{lake.name}.{name}", rows, _iso(moment)))
        letters = lake[DEAD_LETTERS].estimated_document_count()
        counts.append(StoreCount("MongoDB", f"{lake.name}.{DEAD_LETTERS}", letters, None))
    with PostgresResource().connect() as connection:
        for table, column in _NEWEST_BY.items():
            query = sql.SQL("SELECT count(*), max({}) FROM {}").format(
                sql.Identifier(column), sql.Identifier(table.schema, table.name)
            )
            rows, moment = connection.execute(query).fetchone() or (0, None)
            counts.append(StoreCount("PostgreSQL", table.full_name, rows, _iso(moment)))
    return counts


def newest_price_age() -> timedelta | None:
    """Age of the newest price by the server's clock; None: there is none."""
    with PostgresResource().connect() as connection:
        query = "SELECT now() - max(observed_at) FROM warehouse.coin_prices"
        row = connection.execute(query).fetchone()
    return row[0] if row else None


def _iso(moment: object) -> str | None:
    if isinstance(moment, datetime):
        return moment.strftime("%Y-%m-%d %H:%M:%S UTC")
    return None if moment is None else str(moment)
