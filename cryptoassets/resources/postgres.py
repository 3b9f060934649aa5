"""Connections to PostgreSQL.

What goes here: where the server is, how a connection to it is set up, and the months of
`coin_prices` that any writer may need. What stays out: reading and publishing partitions (in
`io_managers.postgres`), the schema (in `migrations`), credits (in `resources.credits`).
"""

import threading
from collections.abc import Collection
from datetime import date, timedelta
from typing import Any

import dagster as dg
import psycopg
from psycopg import sql
from psycopg.conninfo import conninfo_to_dict

from cryptoassets.embedded import Stack
from cryptoassets.errors import SettingsError
from cryptoassets.migrations import upgrade
from cryptoassets.resources.postgres_errors import typed_errors
from cryptoassets.resources.run_process import note_process
from cryptoassets.settings import load_settings

__all__ = ["PostgresResource", "address_of", "ensure_months", "typed_errors"]

_SESSION = {
    "TimeZone": "UTC",
    "statement_timeout": "15min",
    # A second run of a partition waits for the first one's publishing: seconds, not minutes.
    "lock_timeout": "2min",
    "idle_in_transaction_session_timeout": "10min",
    # A killed run must not hold its locks until its last statement is through.
    "client_connection_check_interval": "2s",
}
_CONNECTION: dict[str, Any] = {
    "application_name": "cryptoassets",
    "connect_timeout": 10,
    "keepalives_idle": 30,
    "keepalives_interval": 10,
    "keepalives_count": 3,
}

_MONTHS_LOCK = "cryptoassets.months_of_coin_prices"

_migrating = threading.Lock()
_migrated: set[str] = set()


class PostgresResource(dg.ConfigurableResource["PostgresResource"]):
    """PostgreSQL connections; reads the URL from the settings or asks the embedded stack.

    It has no config on purpose: Dagster shows a resource's config in its UI, and the URL holds a
    password.
    """

    def setup_for_execution(self, context: dg.InitResourceContext) -> None:
        """Note which process the run lives in."""
        note_process(context)

    @property
    def url(self) -> str:
        """URL with password, for drivers that connect by themselves; starts what is missing."""
        url = Stack(load_settings()).postgres_url()
        _parameters(url)
        return url

    @property
    def address(self) -> str:
        """`postgresql://host:port/database`, without user and password."""
        return _address(_parameters(self.url))

    def connect(self, *, autocommit: bool = False) -> psycopg.Connection:
        """Return a new connection in UTC with time-outs; the schema is at head.

        Raises:
            StoreUnavailableError: no server there, or it is not ready.
            SettingsError: POSTGRES_URL cannot be read or is refused.
            EmbeddedError: the embedded server does not start.
        """
        url = self.url
        parameters = _parameters(url)
        address = _address(parameters)
        with typed_errors("bringing the schema up to date", address):
            _migrate_once(url)
        with typed_errors("connecting", address):
            return psycopg.connect(**parameters, autocommit=autocommit)


def ensure_months(connection: psycopg.Connection[Any], months: Collection[date]) -> None:
    """Make the partitions of `warehouse.coin_prices` that are missing; safe beside others.

    Part of the caller's transaction if it has begun one, else committed at once.

    Args:
        connection: of the owner of `warehouse`; autocommit or not.
        months: any day of each UTC month that rows are about to come for.
    """
    firsts = {date(month.year, month.month, 1) for month in months}
    with connection.transaction():
        if not _missing(connection, firsts):
            return
        connection.execute("SELECT pg_advisory_xact_lock(hashtextextended(%s, 0))", [_MONTHS_LOCK])
        for first in _missing(connection, firsts):
            _make_month(connection, first)


def address_of(connection: psycopg.Connection[Any]) -> str:
    """Return `postgresql://host:port/database` of a connection that is open."""
    info = connection.info
    return f"postgresql://{info.host}:{info.port}/{info.dbname}"


def _month_name(first: date) -> str:
    return f"coin_prices_{first:%Y_%m}"


def _missing(connection: psycopg.Connection[Any], firsts: set[date]) -> list[date]:
    # Not to_regclass(): it may answer from a cache what was true before the lock.
    rows = connection.execute(
        "SELECT relname FROM pg_class WHERE relnamespace = 'warehouse'::regnamespace "
        "AND relname = ANY (%s)",
        [[_month_name(first) for first in firsts]],
    )
    made = {name for (name,) in rows}
    return sorted(first for first in firsts if _month_name(first) not in made)


def _make_month(connection: psycopg.Connection[Any], first: date) -> None:
    # CREATE ... PARTITION OF would lock out every reader of coin_prices and copy no comments;
    # a table that is attached does neither.
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
            comment=sql.Literal(f"Rows of warehouse.coin_prices of the UTC month {first:%Y-%m}."),
            start=sql.Literal(f"{first} 00:00:00+00"),
            end=sql.Literal(f"{following} 00:00:00+00"),
        )
    )


def _migrate_once(url: str) -> None:
    with _migrating:
        if url not in _migrated:
            upgrade(url)
            _migrated.add(url)


def _parameters(url: str) -> dict[str, Any]:
    """Return what libpq reads in the URL over our defaults; what the user sets there wins.

    A password with a bare `@` or `/` would be read as part of the host or the database, and from
    there get into messages: such a URL is refused before anything can quote it.
    """
    try:
        given = conninfo_to_dict(url)
    except psycopg.ProgrammingError:
        given = {"host": "@"}
    port = str(given.get("port", "")).replace(",", "")
    is_misread = "@" in f"{given.get('host', '')}{given.get('dbname', '')}"
    if is_misread or not (port == "" or port.isdecimal()):
        message = (
            "POSTGRES_URL cannot be read. It looks like postgresql://user:password@host:5432/"
            "bigdata_db; in the password write @ as %40, / as %2F, : as %3A and % as %25"
        )
        raise SettingsError(message)
    session = " ".join(f"-c {name}={value}" for name, value in _SESSION.items())
    options = f"{session} {given.get('options') or ''}".strip()
    return {**_CONNECTION, **given, "options": options}


def _address(parameters: dict[str, Any]) -> str:
    host, port = parameters.get("host", "localhost"), parameters.get("port", 5432)
    return f"postgresql://{host}:{port}/{parameters.get('dbname', '')}"
