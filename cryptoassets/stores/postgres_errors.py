"""Converts psycopg's errors to `CryptoassetsError`s.

What goes here: which failures a retry can resolve, and the remedy for each. What stays out:
connecting (in `resources.postgres`) and retrying (in `assets`).
"""

import re
from collections.abc import Iterator
from contextlib import contextmanager

import psycopg

from cryptoassets import libpq
from cryptoassets.errors import (
    ContractViolationError,
    CryptoassetsError,
    SettingsError,
    StoreError,
    StoreUnavailableError,
)

_TRANSIENT_CLASSES = ("08", "40", "53", "57", "58")
_TRANSIENT_STATES = ("25P03", "25P04", "55006", "55P03")
"""SQLSTATEs of transient errors: lost connections, conflicts, locks, a lack of resources, operator
intervention and time-outs."""

_LOGIN_STATES = ("28000", "28P01", "3D000")
# While connecting, libpq reports the server's message without its SQLSTATE.
_LOGIN_SENTENCE = re.compile(
    r"authentication failed|no password supplied|no pg_hba\.conf entry|connection option|"
    r'(?:role|database) ".*" does not exist|permission denied for database'
)

_REACHABLE = (
    "check that the server is running and reachable (`cryptoassets up` starts the embedded one)"
)
_REMEDIES = {
    "53100": "free disk space where the server keeps its data, then retry",
    "55P03": "another transaction holds the lock; retry after it has ended",
    "57014": "the statement was cancelled or took too long; retry when the server is less busy",
    "25006": "the database is read-only: set POSTGRES_URL to one that accepts writes",
    "42P07": "another program's table has that name: rename or move it",
    "42501": "grant the missing right to the role in POSTGRES_URL",
}


@contextmanager
def typed_errors(action: str, address: str) -> Iterator[None]:
    """Convert psycopg's errors to `CryptoassetsError`s, whose cause is the original error.

    Args:
        action: the action to name in messages, e.g. `publishing coin_prices 2026-11-23-10:00`.
        address: server and database without password, e.g. `PostgresResource.address`.

    Raises:
        StoreUnavailableError: no connection, a conflict, a full disk; a retry can help.
        SettingsError: the server refused the log-in.
        ContractViolationError: a key or check constraint refused the rows.
        StoreError: any other error.
    """
    try:
        yield
    except psycopg.Error as error:
        raise _typed(error, action, address) from error


def _typed(error: psycopg.Error, action: str, address: str) -> CryptoassetsError:
    # Only the primary message, because details and context may quote values of rows.
    reason = " ".join((error.diag.message_primary or str(error)).split())
    what = f"PostgreSQL at {address}: {action} failed: {reason}. "
    if _is_refused_login(error):
        return SettingsError(
            f"{what}A retry will not help; fix user, password and database in POSTGRES_URL"
        )
    if _is_transient(error):
        remedy = _REMEDIES.get(error.sqlstate or "", _REACHABLE)
        remedy = libpq.FULL_REMEDY if libpq.is_full(error) else remedy
        return StoreUnavailableError(f"{what}A retry can help; {remedy}")
    if isinstance(error, psycopg.IntegrityError):
        return ContractViolationError(
            f"{what}A retry will not help; nothing was written: look for rows that break "
            f"{error.diag.constraint_name or 'the constraint'}"
        )
    remedy = _REMEDIES.get(error.sqlstate or "", f"look up SQLSTATE {error.sqlstate}")
    return StoreError(f"{what}A retry will not help; {remedy}")


def _is_refused_login(error: psycopg.Error) -> bool:
    if error.sqlstate is not None:
        return error.sqlstate in _LOGIN_STATES
    return _LOGIN_SENTENCE.search(str(error)) is not None


def _is_transient(error: psycopg.Error) -> bool:
    if error.sqlstate is None:
        # The server did not answer: the connection was lost, closed or never established.
        return isinstance(error, psycopg.OperationalError | psycopg.InterfaceError)
    return error.sqlstate.startswith(_TRANSIENT_CLASSES) or error.sqlstate in _TRANSIENT_STATES
