"""PostgreSQL queries for tests: which rows exist, and which were rewritten.

What goes here: queries. What stays out: publishing, for which tests use the IO manager.
"""

from typing import Any

import psycopg
from psycopg import sql

from cryptoassets.schemas import COIN_DAILY, COIN_PRICES, COINS, LOADS, QUARANTINE, Table

PUBLISHED = (COINS, COIN_PRICES, QUARANTINE, LOADS, COIN_DAILY)
UNSTABLE = ("run_id", "loaded_at", "publication")
MONTHS = """
    SELECT inhrelid::regclass::text FROM pg_inherits JOIN pg_class ON oid = inhrelid
    WHERE inhparent = 'warehouse.coin_prices'::regclass ORDER BY 1
"""
VERSIONS = """
    SELECT raw_id, xmin::text FROM warehouse.coin_prices
    UNION ALL SELECT raw_id, xmin::text FROM warehouse.quarantine
"""


def ask(url: str, query: str) -> list[tuple[Any, ...]]:
    """The rows that a query returns."""
    with psycopg.connect(url) as connection:
        connection.execute("SET TimeZone = 'UTC'")
        return connection.execute(query).fetchall()


def dump(url: str) -> dict[str, list[str]]:
    """All rows as sorted strings per table, without the columns that differ between runs."""
    return {table.full_name: [row for (row,) in _texts(url, table)] for table in PUBLISHED}


def months(url: str) -> list[str]:
    """Names of the month partitions of coin_prices, including empty ones."""
    return [name for (name,) in ask(url, MONTHS)]


def _texts(url: str, table: Table) -> list[tuple[Any, ...]]:
    stable = [name for name in table.column_names if name not in UNSTABLE]
    query = sql.SQL("SELECT row({})::text FROM {} ORDER BY 1").format(
        sql.SQL(", ").join(map(sql.Identifier, stable)), sql.Identifier(table.schema, table.name)
    )
    return ask(url, query.as_string(None))


def versions(url: str) -> dict[str, str]:
    """The id of the transaction that last wrote each price or quarantined document, by raw_id."""
    return dict(ask(url, VERSIONS))


def ledger(url: str) -> list[tuple[Any, ...]]:
    """Each partition's key, and its numbers of raw, loaded, quarantined and superseded rows."""
    return ask(
        url,
        "SELECT partition_key, raw_rows, loaded_rows, quarantined_rows, superseded_rows "
        "FROM warehouse.loads ORDER BY 1",
    )
