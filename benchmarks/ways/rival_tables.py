"""The rivals' tables for prices and quarantine, and the upsert from their staging tables."""

import psycopg

from benchmarks.ways.rival_rules import AMOUNTS, PRICES, QUARANTINE

_TABLES = f"""
CREATE SCHEMA rival;
CREATE TABLE rival.coin_prices (
    coin_id text NOT NULL, observed_at timestamptz NOT NULL,
    {", ".join(f"{name} numeric(38, 18)" for name in AMOUNTS)},
    rank int NOT NULL, source text NOT NULL, fetched_at timestamptz NOT NULL,
    raw_id text NOT NULL, PRIMARY KEY (coin_id, observed_at));
CREATE INDEX ON rival.coin_prices (observed_at);
CREATE TABLE rival.quarantine (raw_id text PRIMARY KEY, reasons text, payload text);
CREATE UNLOGGED TABLE rival.staged_prices (LIKE rival.coin_prices);
CREATE UNLOGGED TABLE rival.staged_quarantine (LIKE rival.quarantine);
"""


def create(postgres_url: str) -> None:
    """Create the tables."""
    with psycopg.connect(postgres_url) as connection:
        connection.execute(_TABLES)


def upsert(postgres_url: str) -> None:
    """Publish the staged rows in one transaction."""
    with psycopg.connect(postgres_url) as connection:
        for staged, table, columns, keys in (
            ("staged_prices", "coin_prices", PRICES, 2),
            ("staged_quarantine", "quarantine", QUARANTINE, 1),
        ):
            new = ", ".join(f"{name} = EXCLUDED.{name}" for name in columns[keys:])
            connection.execute(
                f"INSERT INTO rival.{table} ({', '.join(columns)}) "  # noqa: S608 - own names
                f"SELECT {', '.join(columns)} FROM rival.{staged} "
                f"ON CONFLICT ({', '.join(columns[:keys])}) DO UPDATE SET {new}".encode()
            )
