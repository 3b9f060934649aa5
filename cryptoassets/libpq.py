"""All connections to PostgreSQL: only the URL defines them, and value formats are fixed.

What goes here: parsing the URL, the options of every session, and refusing databases that would
change the values written to them. What stays out: choosing the URL (in `settings` and `embedded`),
and errors that statements raise (in `stores.postgres_errors`).
"""

import os
import re
from typing import Any
from urllib.parse import quote, unquote, urlsplit, urlunsplit

import psycopg
from psycopg.conninfo import conninfo_to_dict
from psycopg.rows import TupleRow

from cryptoassets.environment import is_read_by_libpq
from cryptoassets.errors import SettingsError, StoreError

# Without this option, libpq would read ~/.pgpass. libpq silently ignores a file that cannot exist.
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
    # A run waits while another run publishes the same partition, which takes seconds, not minutes.
    "lock_timeout": "2min",
    "idle_in_transaction_session_timeout": "10min",
    # A killed run must not hold its locks until its last statement has finished.
    "client_connection_check_interval": "2s",
}
"""Options in the URL override these limits."""
_VALUE_FORMATS = {
    "DateStyle": "ISO,YMD",
    "IntervalStyle": "postgres",
    "TimeZone": "UTC",
    "standard_conforming_strings": "on",
    "bytea_output": "hex",
    "extra_float_digits": "1",
    "array_nulls": "on",
    "transform_null_equals": "off",
    # At stricter levels, a transaction would not see rows committed while it waited for a lock.
    "default_transaction_isolation": "read committed",
}
"""These override the URL, ALTER ROLE and ALTER DATABASE, because they define how values are read
and written."""
_ENCODING = "UTF8"
# Our statements name tables with their schema, and use only built-in functions and operators.
_SEARCH_PATH = {"search_path": "pg_catalog"}
# People can write `coin_latest` for `marts.coin_latest`. Only the owner of these schemas can create
# objects in them.
_READER_SETTINGS = {
    "search_path": "pg_catalog,marts,warehouse",
    "default_transaction_read_only": "on",
}
# Dagster's statements name tables without a schema.
_SEARCH_PATH_OF_DAGSTER = {"search_path": "public"}
_IS_FULL = re.compile("too many clients|too many connections|connection slots are reserved")
FULL_REMEDY = "first close other connections, or raise max_connections"


class _Connection(psycopg.Connection[TupleRow]):
    """Closes at the end of `with`, even if Ctrl-C interrupts its commit or rollback."""

    def __exit__(self, *exception: Any) -> None:
        try:
            super().__exit__(*exception)
        finally:
            self.close()


def remove_libpq_variables() -> None:
    """Remove libpq's variables from this process; some would override what our code passes."""
    for name in [name for name in os.environ if is_read_by_libpq(name)]:
        # Another thread may do the same at the same time.
        os.environ.pop(name, None)


def connect(url: str, *, autocommit: bool = False) -> psycopg.Connection:
    """Return a new connection to a writable database that stores text unchanged.

    Raises:
        SettingsError: the URL cannot be read, or the database is not UTF-8.
        StoreError: the database is read-only.
        psycopg.Error: the connection failed.
    """
    remove_libpq_variables()
    parsed = parameters(url)
    connection = _Connection.connect(**parsed, autocommit=autocommit)
    try:
        _fail_if_unsuitable(connection, address(parsed))
    except BaseException:
        connection.close()
        raise
    return connection


def connect_to_read(url: str, limits: dict[str, str]) -> psycopg.Connection:
    """Return a new read-only connection with autocommit; a standby server is accepted as well.

    Args:
        url: its role should not be able to write; the caller checks that.
        limits: session options, such as timeouts; options in the URL override them.

    Raises:
        SettingsError: the URL cannot be read.
        psycopg.Error: the connection failed.
    """
    remove_libpq_variables()
    return _Connection.connect(**_parameters(url, limits, _READER_SETTINGS), autocommit=True)


def parameters(url: str) -> dict[str, Any]:
    """Return libpq's parameters: the URL overrides our limits, but not our value formats.

    Raises:
        SettingsError: the URL cannot be read.
    """
    return _parameters(url, _LIMITS, _SEARCH_PATH)


def _parameters(url: str, limits: dict[str, str], fixed: dict[str, str]) -> dict[str, Any]:
    """Return libpq's parameters: the URL overrides `limits`, and `fixed` overrides the URL.

    `settings` has already checked the form of the URL, but only libpq knows the valid option names.
    """
    try:
        parsed = conninfo_to_dict(url)
    except psycopg.ProgrammingError:
        # libpq's message quotes the option. If a password contains a question mark, part of the
        # password may look like an option.
        raise SettingsError(
            "The URL of PostgreSQL has an option after its question mark that libpq does not know. "
            "A retry will not help; correct POSTGRES_URL or ANALYST_URL. In a password write ? as "
            "%3F"
        ) from None
    from_url = str(parsed.get("options") or "")
    options = f"{_options(limits)} {from_url} {_options(_VALUE_FORMATS | fixed)}"
    return {**_CONNECTION, **parsed, "options": options, "client_encoding": _ENCODING}


def address(parsed: dict[str, Any]) -> str:
    """Return `postgresql://host:port/database` from parameters, without user and password."""
    host, port = parsed.get("host", "localhost"), parsed.get("port", 5432)
    return f"postgresql://{host}:{port}/{parsed.get('dbname', '')}"


def is_full(error: psycopg.Error) -> bool:
    """Return whether the server refused a connection because all its connections are in use."""
    # For a failed connection, libpq reports the server's message, but not the SQLSTATE.
    return error.sqlstate == "53300" or _IS_FULL.search(str(error)) is not None


def dagster_url(url: str) -> str:
    """Return the URL of Dagster's database for SQLAlchemy, with the same value formats."""
    remove_libpq_variables()
    parts = urlsplit(url)
    pairs = (pair.partition("=") for pair in parts.query.split("&") if pair)
    parsed = {unquote(name): unquote(value) for name, _, value in pairs}
    from_url = parsed.get("options", "")
    query = {
        "passfile": _NO_PASSWORD_FILE,
        **parsed,
        "options": f"{from_url} {_options(_VALUE_FORMATS | _SEARCH_PATH_OF_DAGSTER)}".strip(),
        "client_encoding": _ENCODING,
    }
    return urlunsplit(
        parts._replace(
            # Names the driver, because plain `postgresql` means psycopg 3 in SQLAlchemy 2.1.
            scheme="postgresql+psycopg2",
            query="&".join(
                f"{quote(name)}={quote(value, safe='')}" for name, value in query.items()
            ),
        )
    )


def not_utf8(database: str, encoding: str | None, server: str) -> SettingsError:
    """Return the error for a database that cannot store every character."""
    return SettingsError(
        f"PostgreSQL at {server}: the database {database!r} has the encoding {encoding}, which "
        "cannot store every coin's name; it must be UTF8. Nothing was written and a retry will "
        "not help: create a database with CREATE DATABASE ... TEMPLATE template0 ENCODING 'UTF8' "
        "LOCALE 'C', and name it in POSTGRES_URL"
    )


def _options(session: dict[str, str]) -> str:
    # An unescaped space would end the value.
    return " ".join(f"-c {name}=" + value.replace(" ", r"\ ") for name, value in session.items())


def _fail_if_unsuitable(connection: psycopg.Connection, server: str) -> None:
    # The server reports these parameters when it accepts a connection, so no query is needed.
    reported = connection.info.parameter_status
    encoding = reported("server_encoding")
    if encoding != _ENCODING:
        raise not_utf8(connection.info.dbname, encoding, server)
    if reported("in_hot_standby") == "on":
        raise StoreError(
            f"PostgreSQL at {server} is a standby, which accepts no writes. Nothing was written "
            "and a retry will not help; name the primary server in POSTGRES_URL"
        )
    if reported("default_transaction_read_only") == "on":
        raise StoreError(
            f"PostgreSQL at {server} is read-only for this role. Nothing was written and a retry "
            "will not help; turn off default_transaction_read_only for the database and the role "
            "of POSTGRES_URL, or name another database or role there"
        )
