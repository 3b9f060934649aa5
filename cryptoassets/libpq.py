"""Every connection to PostgreSQL: found by its URL alone, with one meaning of text and time.

What goes here: what the URL says, what every session sets, and the refusal of a database that
would change what is written. What stays out: which URL (in `settings` and `embedded`), and the
errors of statements (in `stores.postgres_errors`).
"""

import os
import re
from typing import Any
from urllib.parse import quote, unquote, urlsplit, urlunsplit

import psycopg
from psycopg.conninfo import conninfo_to_dict

from cryptoassets.errors import SettingsError, StoreError
from cryptoassets.settings import MISREAD_POSTGRES_URL

# PGHOST, PGSERVICE, PGTZ, ...: libpq's own have no underscore, those of pgAdmin and others do.
_VARIABLE = re.compile(r"PG[A-Z]+")
# Without a name libpq looks into ~/.pgpass; it passes over a file that cannot exist silently.
_NO_PASSWORD_FILE = "/dev/null/no-password-file"  # noqa: S105 -- a path

_CONNECTION: dict[str, Any] = {
    "application_name": "cryptoassets",
    "connect_timeout": 10,
    "keepalives_idle": 30,
    "keepalives_interval": 10,
    "keepalives_count": 3,
    "passfile": _NO_PASSWORD_FILE,
}
_LIMITS = {
    "statement_timeout": "15min",
    # A second run of a partition waits for the first one's publishing: seconds, not minutes.
    "lock_timeout": "2min",
    "idle_in_transaction_session_timeout": "10min",
    # A killed run must not hold its locks until its last statement is through.
    "client_connection_check_interval": "2s",
}
"""Options in the URL win over these."""
_MEANING = {
    "DateStyle": "ISO,YMD",
    "IntervalStyle": "postgres",
    "TimeZone": "UTC",
    "standard_conforming_strings": "on",
    "bytea_output": "hex",
    "extra_float_digits": "1",
    "array_nulls": "on",
    "transform_null_equals": "off",
    # Stricter levels keep the view of before a lock was waited for.
    "default_transaction_isolation": "read committed",
}
"""These win over the URL, over ALTER ROLE and ALTER DATABASE: they decide what a value is."""
_ENCODING = "UTF8"
# Tables are named with their schema everywhere; functions and operators must be PostgreSQL's own.
_SEARCH_PATH = {"search_path": "pg_catalog"}
# Dagster names its tables without a schema.
_SEARCH_PATH_OF_DAGSTER = {"search_path": "public"}


def is_variable(name: str) -> bool:
    """Tell whether libpq may read this environment variable."""
    return _VARIABLE.fullmatch(name) is not None


def forget_variables() -> None:
    """Drop libpq's variables from this process: PGSERVICE and PGTZ win over what code passes."""
    for name in [name for name in os.environ if is_variable(name)]:
        # Another thread may do the same.
        os.environ.pop(name, None)


def connect(url: str, *, autocommit: bool = False) -> psycopg.Connection:
    """Return a new connection to a database that keeps text as it is.

    Raises:
        SettingsError: the URL cannot be read, or the database is not UTF-8.
        StoreError: the database is read-only.
        psycopg.Error: no connection.
    """
    forget_variables()
    given = parameters(url)
    connection = psycopg.connect(**given, autocommit=autocommit)
    try:
        _refuse_unfit(connection, address(given))
    except BaseException:
        connection.close()
        raise
    return connection


def parameters(url: str) -> dict[str, Any]:
    """Return what libpq reads in the URL, over our limits and under the meaning of text.

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
        raise SettingsError(MISREAD_POSTGRES_URL)
    asked = str(given.get("options") or "")
    options = f"{_options(_LIMITS)} {asked} {_options(_MEANING | _SEARCH_PATH)}"
    return {**_CONNECTION, **given, "options": options, "client_encoding": _ENCODING}


def address(given: dict[str, Any]) -> str:
    """Return `postgresql://host:port/database` of parameters, without user and password."""
    host, port = given.get("host", "localhost"), given.get("port", 5432)
    return f"postgresql://{host}:{port}/{given.get('dbname', '')}"


def dagster_url(url: str) -> str:
    """Return the URL of Dagster's database for SQLAlchemy, with the same meaning of text."""
    forget_variables()
    parts = urlsplit(url)
    pairs = (pair.partition("=") for pair in parts.query.split("&") if pair)
    given = {unquote(name): unquote(value) for name, _, value in pairs}
    asked = given.get("options", "")
    query = {
        "passfile": _NO_PASSWORD_FILE,
        **given,
        "options": f"{asked} {_options(_MEANING | _SEARCH_PATH_OF_DAGSTER)}".strip(),
        "client_encoding": _ENCODING,
    }
    return urlunsplit(
        parts._replace(
            # The driver is named: with SQLAlchemy 2.1 a bare `postgresql` looks for psycopg 3.
            scheme="postgresql+psycopg2",
            query="&".join(
                f"{quote(name)}={quote(value, safe='')}" for name, value in query.items()
            ),
        )
    )


def not_utf8(database: str, encoding: str | None, server: str) -> SettingsError:
    """Return the refusal of a database that cannot hold every character."""
    return SettingsError(
        f"PostgreSQL at {server}: the database {database!r} has the encoding {encoding}, which "
        "cannot hold every name of a coin; it must be UTF8. Nothing was written and a retry will "
        "not help: make one with CREATE DATABASE ... TEMPLATE template0 ENCODING 'UTF8' LOCALE "
        "'C', and name it in POSTGRES_URL"
    )


def _options(session: dict[str, str]) -> str:
    # A space would end the value.
    return " ".join(f"-c {name}=" + value.replace(" ", r"\ ") for name, value in session.items())


def _refuse_unfit(connection: psycopg.Connection, server: str) -> None:
    # The server reports these with the connection: asking costs nothing.
    reported = connection.info.parameter_status
    encoding = reported("server_encoding")
    if encoding != _ENCODING:
        raise not_utf8(connection.info.dbname, encoding, server)
    if reported("in_hot_standby") == "on":
        raise StoreError(
            f"PostgreSQL at {server} is a standby, which takes no writes. Nothing was written and "
            "a retry will not help; name the primary server in POSTGRES_URL"
        )
    if reported("default_transaction_read_only") == "on":
        raise StoreError(
            f"PostgreSQL at {server} is read-only for this role. Nothing was written and a retry "
            "will not help; have default_transaction_read_only turned off for the database and "
            "the role of POSTGRES_URL, or name others"
        )
