"""What psycopg raises, in our tree of errors.

What goes here: which failure a retry can mend, and the remedy for each. What stays out: connecting
(in `resources.postgres`) and retrying (in `assets`).
"""

import re
from collections.abc import Iterator
from contextlib import contextmanager

import psycopg

from cryptoassets.errors import (
    ContractViolationError,
    CryptoassetsError,
    SettingsError,
    StoreError,
    StoreUnavailableError,
)

_PASSING_CLASSES = ("08", "40", "53", "57", "58")
_PASSING_STATES = ("25P03", "25P04", "55006", "55P03")
"""SQLSTATEs that may be gone next time: connections, conflicts, resources, operators, time-outs."""

_LOGIN_STATES = ("28000", "28P01", "3D000")
# While connecting, libpq gives the server's sentence without its SQLSTATE.
_LOGIN_SENTENCE = re.compile(
    r"authentication failed|no password supplied|no pg_hba\.conf entry|connection option|"
    r'(?:role|database) ".*" does not exist|permission denied for database'
)

_REACHABLE = (
    "see that the server runs and can be reached (`cryptoassets up` starts the embedded one)"
)
_REMEDIES = {
    "53100": "first free disk space where the server keeps its data",
    "53300": "first close connections of others, or raise max_connections",
    "55P03": "another transaction holds the lock: once it has ended",
    "57014": "it was cancelled or took too long: when the server is less busy",
    "25006": "the database is read-only: name one in POSTGRES_URL that takes writes",
    "42P07": "another program's table has that name: rename or move it",
    "42501": "give the role of POSTGRES_URL the right it lacks",
}


@contextmanager
def typed_errors(action: str, address: str) -> Iterator[None]:
    """Turn psycopg's errors into ours; the cause is kept.

    Args:
        action: what is going on, for the message, e.g. `publishing coin_prices 2026-11-23-10:00`.
        address: server and database without password, e.g. `PostgresResource.address`.

    Raises:
        StoreUnavailableError: no connection, a conflict, a full disk; a retry can help.
        SettingsError: the server does not accept who we say we are.
        ContractViolationError: a key or a check of the database refused the rows.
        StoreError: anything else.
    """
    try:
        yield
    except psycopg.Error as error:
        raise _typed(error, action, address) from error


def _typed(error: psycopg.Error, action: str, address: str) -> CryptoassetsError:
    # The primary message only: details and context quote rows.
    said = " ".join((error.diag.message_primary or str(error)).split())
    what = f"PostgreSQL at {address}: {action} failed: {said}. "
    if _is_refused_login(error):
        return SettingsError(
            f"{what}A retry will not help; mend user, password and database in POSTGRES_URL"
        )
    if _is_passing(error):
        remedy = _REMEDIES.get(error.sqlstate or "", _REACHABLE)
        return StoreUnavailableError(f"{what}A retry can help; {remedy}")
    if isinstance(error, psycopg.IntegrityError):
        return ContractViolationError(
            f"{what}A retry will not help; nothing was written: look for rows that break "
            f"{error.diag.constraint_name or 'the constraint'}"
        )
    remedy = _REMEDIES.get(error.sqlstate or "", f"SQLSTATE {error.sqlstate} says more")
    return StoreError(f"{what}A retry will not help; {remedy}")


def _is_refused_login(error: psycopg.Error) -> bool:
    if error.sqlstate is not None:
        return error.sqlstate in _LOGIN_STATES
    return _LOGIN_SENTENCE.search(str(error)) is not None


def _is_passing(error: psycopg.Error) -> bool:
    if error.sqlstate is None:
        # No answer of the server: the connection is gone, was closed, or never came to be.
        return isinstance(error, psycopg.OperationalError | psycopg.InterfaceError)
    return error.sqlstate.startswith(_PASSING_CLASSES) or error.sqlstate in _PASSING_STATES
