"""Checks a user's statement before it becomes part of a larger query.

What goes here: refusing everything but one query, with errors about the text that the user wrote.
What stays out: running the query (in `query`), and the words of the server's errors (in
`connection`).
"""

import re
from collections.abc import Mapping, Sequence

import psycopg
from psycopg import sql
from psycopg.pq import ExecStatus

from cryptoassets.analysis.connection import query_errors
from cryptoassets.errors import QueryError

Parameters = Mapping[str, object] | Sequence[object]

_BLANK = r"(?:\s|--[^\n]*(?:\n|\Z)|/\*(?:[^*]|\*(?!/))*\*/)"
_NOTHING = re.compile(rf"(?:;|{_BLANK})*")
_END = re.compile(rf";(?:;|{_BLANK})*\Z")
_REPORT = re.compile(rf"{_BLANK}*(?:explain|show)\b", re.IGNORECASE)
_IMPOSSIBLE_AS_PART = ("42601", "0A000")


def is_report(statement: str) -> bool:
    """Return whether this is EXPLAIN or SHOW, which cannot be part of a query."""
    return _REPORT.match(statement) is not None


def checked_query(
    connection: psycopg.Connection, statement: str, parameters: Parameters | None
) -> sql.SQL:
    """Return the user's query in a form that can be part of a larger query; nothing is run.

    Args:
        connection: a connection from `connection.connect`.
        statement: one query; semicolons and comments may follow it.
        parameters: values for `%s` or `%(name)s`; without them `%` has no special meaning.

    Raises:
        QueryError: the text is not exactly one statement, the statement is not a query, or the
            server cannot parse it.
        StoreUnavailableError: the connection was lost.
    """
    text = statement.strip()
    if _NOTHING.fullmatch(text):
        raise QueryError("There is no statement. Write one, such as: SELECT * FROM coin_latest")
    with query_errors():
        if parameters is not None:
            text = psycopg.ClientCursor(connection).mogrify(text, parameters)
        # The user's own text comes first, so that errors quote only what the user wrote.
        _parse(connection, text)
        query = sql.SQL(_without_end(connection, text))
        try:
            _parse(connection, sql.SQL("SELECT * FROM ({}\n) AS rows").format(query).as_string())
        except psycopg.Error as error:
            if error.sqlstate not in _IMPOSSIBLE_AS_PART:
                raise
            raise QueryError(
                "This statement is not a query, but `cryptoassets sql` and `ca.sql` are read-only. "
                "Write a statement that only reads, such as SELECT"
            ) from error
    return query


def _without_end(connection: psycopg.Connection, text: str) -> str:
    for found in re.finditer(";", text):
        if _END.match(text, found.start()):
            shorter = text[: found.start()]
            # If the text before it is invalid, this semicolon is inside a string, e.g. 'a; --'.
            if _is_valid(connection, shorter):
                return shorter
    return text


def _is_valid(connection: psycopg.Connection, text: str) -> bool:
    try:
        _parse(connection, text)
    except psycopg.errors.SyntaxError:
        return False
    return True


def _parse(connection: psycopg.Connection, text: str) -> None:
    """Let the server parse one statement without running it, which psycopg's cursors cannot do.

    Raises:
        psycopg.Error: the server cannot parse it, or the connection was lost.
    """
    result = connection.pgconn.prepare(b"", text.encode())
    if connection.closed:
        raise psycopg.OperationalError("the connection was lost")
    if result.status != ExecStatus.COMMAND_OK:
        raise psycopg.errors.error_from_result(result)
