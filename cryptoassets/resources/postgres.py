"""Connections to PostgreSQL.

What goes here: connecting to the server, and creating the monthly partitions of `coin_prices` that
writers need. What stays out: session settings (in `libpq`), reading and publishing partitions (in
`io_managers.postgres`), the schema (in `migrations`), credits (in `resources.credits`).
"""

import threading
from collections.abc import Collection
from datetime import date, timedelta
from typing import Any

import dagster as dg
import psycopg
from psycopg import sql
from pydantic import PrivateAttr

from cryptoassets import libpq
from cryptoassets.embedded import Stack
from cryptoassets.migrations import upgrade
from cryptoassets.resources.locks import lock
from cryptoassets.resources.run_process import tag_run_with_process
from cryptoassets.settings import load_settings
from cryptoassets.stores.postgres_errors import typed_errors

_MONTHS_LOCK = "months of warehouse/coin_prices"

_migrating = threading.Lock()
_migrated: set[str] = set()


class PostgresResource(dg.ConfigurableResource["PostgresResource"]):
    """PostgreSQL connections; the URL comes from the settings or the embedded stack.

    It has no config on purpose: Dagster shows a resource's config in its UI, and the URL contains
    a password.
    """

    _stack: Stack | None = PrivateAttr(default=None)

    def setup_for_execution(self, context: dg.InitResourceContext) -> None:
        """Tag the run with the process that executes it."""
        tag_run_with_process(context)

    @property
    def url(self) -> str:
        """The URL with its password, for drivers that open their own connections.

        Starts the embedded server if needed.
        """
        if self._stack is None:
            self._stack = Stack(load_settings())
        return self._stack.postgres_url()

    @property
    def address(self) -> str:
        """`postgresql://host:port/database`, without user and password."""
        return libpq.address(libpq.parameters(self.url))

    def connect(self, *, autocommit: bool = False) -> psycopg.Connection:
        """Return a new connection in UTC and with timeouts, after bringing the schema up to date.

        Raises:
            StoreUnavailableError: no server answers, or it is not ready.
            SettingsError: POSTGRES_URL is malformed, the server rejects its user or password, or
                its database is not UTF-8.
            StoreError: the database is read-only.
            EmbeddedError: the embedded server does not start.
        """
        url = self.url
        address = libpq.address(libpq.parameters(url))
        with typed_errors("bringing the schema up to date", address):
            _migrate_once(url)
        with typed_errors("connecting", address):
            return libpq.connect(url, autocommit=autocommit)


def ensure_months(connection: psycopg.Connection[Any], months: Collection[date]) -> None:
    """Create the missing monthly partitions of `warehouse.coin_prices`.

    Several processes may do this at the same time. If the caller has an open transaction, the
    partitions are created in it; otherwise they are committed at once.

    Args:
        connection: a connection as the owner of `warehouse`, with or without autocommit.
        months: one date in each UTC month that will get rows.
    """
    firsts = {date(month.year, month.month, 1) for month in months}
    with connection.transaction():
        if not _missing(connection, firsts):
            return
        lock(connection.cursor(), _MONTHS_LOCK)
        for first in _missing(connection, firsts):
            _make_month(connection, first)


def address_of(connection: psycopg.Connection[Any]) -> str:
    """Return `postgresql://host:port/database` of an open connection."""
    info = connection.info
    return f"postgresql://{info.host}:{info.port}/{info.dbname}"


def _month_name(first: date) -> str:
    return f"coin_prices_{first:%Y_%m}"


def _missing(connection: psycopg.Connection[Any], firsts: set[date]) -> list[date]:
    # Not to_regclass(), which may return a result that was cached before the lock.
    rows = connection.execute(
        "SELECT relname FROM pg_class JOIN pg_inherits ON inhrelid = pg_class.oid "
        "WHERE inhparent = 'warehouse.coin_prices'::regclass AND relname = ANY (%s)",
        [[_month_name(first) for first in firsts]],
    )
    existing = {name for (name,) in rows}
    return sorted(first for first in firsts if _month_name(first) not in existing)


def _make_month(connection: psycopg.Connection[Any], first: date) -> None:
    # Not CREATE ... PARTITION OF, which would block all readers of coin_prices and would not copy
    # comments.
    following = (first + timedelta(days=32)).replace(day=1)
    statement = """
        CREATE TABLE {month} (LIKE warehouse.coin_prices INCLUDING ALL);
        COMMENT ON TABLE {month} IS {comment};
        ALTER TABLE warehouse.coin_prices ATTACH PARTITION {month}
            FOR VALUES FROM ({start}) TO ({end})
    """
    connection.execute(
        sql.SQL(statement).format(
            month=sql.Identifier("warehouse", _month_name(first)),
            comment=sql.Literal(f"Rows of warehouse.coin_prices in the UTC month {first:%Y-%m}."),
            start=sql.Literal(f"{first} 00:00:00+00"),
            end=sql.Literal(f"{following} 00:00:00+00"),
        )
    )


def _migrate_once(url: str) -> None:
    with _migrating:
        if url not in _migrated:
            upgrade(url)
            _migrated.add(url)
