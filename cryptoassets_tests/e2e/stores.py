"""Reads the stores for tests: rows, sorted dumps, documents and Parquet files.

What goes here: reads, and the few plain writes that tests need. What stays out: running the product
(in `platforms` and `homes`).
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg
import pyarrow as pa
import pyarrow.dataset as ds
from psycopg import sql
from pymongo import MongoClient

from cryptoassets.schemas import (
    ALERTS,
    COIN_LATEST,
    CREDITS,
    LAST_RUNS,
    LOAD_HISTORY,
    LOADS,
    MART_LOADS,
    PARTITION_LOCKS,
    PIPELINE_DAILY,
    POSTGRES_TABLES,
    QUARANTINE,
)
from cryptoassets.stores.mongodb import Lake

Dump = dict[str, list[bytes]]

# Sorted dumps omit exactly these columns and tables.
_VOLATILE = {"run_id", "loaded_at", "publication"}
_NOT_DUMPED = (
    *(ALERTS, COIN_LATEST, CREDITS, LAST_RUNS, LOAD_HISTORY, MART_LOADS, PARTITION_LOCKS),
    PIPELINE_DAILY,
)
_DUMPED = [table for table in POSTGRES_TABLES if table not in _NOT_DUMPED]
PUBLISHED = tuple(table.full_name for table in _DUMPED if table not in (LOADS, QUARANTINE))
"""Tables that must not change by a single byte when a whole snapshot is quarantined."""


@dataclass(frozen=True)
class Stores:
    """Addresses of the three stores."""

    mongo_url: str
    mongo_database: str
    postgres_url: str
    clean: Path

    @contextmanager
    def lake(self) -> Iterator[Lake]:
        """Provide the data lake's MongoDB database."""
        with MongoClient[dict[str, Any]](self.mongo_url, tz_aware=True) as client:
            yield client[self.mongo_database]

    def documents(self, collection: str = "coin_snapshots") -> list[dict[str, Any]]:
        """Return all documents of a collection, sorted by `_id`."""
        with self.lake() as lake:
            return sorted(lake[collection].find({}), key=lambda document: str(document["_id"]))

    def rows(self, statement: str | sql.Composed, *parameters: object) -> list[tuple[Any, ...]]:
        """Run a statement and commit; return its rows, if it has any."""
        with psycopg.connect(self.postgres_url) as connection:
            connection.execute("SET TimeZone = 'UTC'")
            cursor = connection.execute(statement, parameters or None)
            return cursor.fetchall() if cursor.description else []

    def count(self, table: str) -> int:
        """Return the number of rows in a table."""
        query = sql.SQL("SELECT count(*) FROM {}").format(sql.Identifier(*table.split(".")))
        return int(self.rows(query)[0][0])

    def dump(self) -> Dump:
        """Map each dumped table to its sorted rows, as PostgreSQL's COPY writes them."""
        with psycopg.connect(self.postgres_url) as connection, connection.cursor() as cursor:
            cursor.execute("SET TimeZone = 'UTC'")
            return {table.full_name: sorted(_lines(cursor, table)) for table in _DUMPED}

    def cleaned(self) -> pa.Table:
        """Return all rows of `clean/coin_prices` under CLEAN_PATH."""
        return ds.dataset(self.clean / "coin_prices", format="parquet").to_table()

    def outcomes(self) -> dict[str, int]:
        """Return the number of cleaned rows per outcome."""
        outcomes = self.cleaned()["outcome"].to_pylist()
        return {name: outcomes.count(name) for name in sorted(set(outcomes))}


def _lines(cursor: psycopg.Cursor[Any], table: Any) -> list[bytes]:
    names = [name for name in table.column_names if name not in _VOLATILE]
    query = sql.SQL("COPY (SELECT {} FROM {}) TO STDOUT").format(
        sql.SQL(", ").join(map(sql.Identifier, names)), sql.Identifier(table.schema, table.name)
    )
    with cursor.copy(query) as copy:
        return b"".join(bytes(chunk) for chunk in copy).splitlines()
