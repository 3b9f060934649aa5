"""The connection for everything that only reads; it logs in as the role `analyst`.

What goes here: connecting, refusing a role that could write, and typed errors. What stays out: the
log-in itself (in `embedded.analyst`), queries (in the modules next to this one).
"""

import re
from collections.abc import Iterator
from contextlib import contextmanager

import psycopg

from cryptoassets import libpq
from cryptoassets.embedded import Stack, analyst
from cryptoassets.errors import (
    AnalystLoginError,
    CryptoassetsError,
    QueryError,
    StoreUnavailableError,
    UpstreamNotMaterializedError,
)
from cryptoassets.settings import load_settings

# A superuser is a member of every role. The rights to use the server's files and programs count as
# writing, too: COPY FROM PROGRAM runs any command.
_WHAT_ROLE_CAN_CHANGE = """
    SELECT 'act as the role ' || rolname FROM pg_roles
    WHERE pg_has_role(current_user, oid, 'MEMBER') AND (
        rolsuper OR rolcreaterole OR rolcreatedb OR rolreplication OR rolbypassrls
        OR rolname ~ '^pg_(execute_server_program|(read|write)_server_files|write_all_data|maintain'
            '|signal_backend|create_subscription|checkpoint)$'
        OR oid IN (SELECT nspowner FROM pg_namespace WHERE nspname IN ('warehouse', 'marts'))
    )
    UNION ALL
    SELECT format('write to %s.%s', nspname, relname)
    FROM pg_class JOIN pg_namespace AS schemas ON schemas.oid = relnamespace
    WHERE nspname IN ('warehouse', 'marts', 'staging') AND relkind IN ('r', 'p', 'v')
        AND has_table_privilege(pg_class.oid, 'INSERT, UPDATE, DELETE, TRUNCATE')
    UNION ALL
    SELECT format('create tables in the schema %s', nspname) FROM pg_namespace
    WHERE nspname IN ('warehouse', 'marts', 'staging') AND has_schema_privilege(oid, 'CREATE')
    LIMIT 1
"""
_NO_LOGIN = re.compile(
    r"authentication failed|no password supplied|no pg_hba\.conf entry|not permitted to log in|"
    r'(?:role|database) ".*" does not exist|permission denied for database'
)
_TRANSIENT_CLASSES = ("08", "53", "57P", "58")
_REMEDIES = {
    "55P03": "A migration is changing this table; try again in a minute",
    "57014": "It took too long, or was cancelled. Ask for fewer rows, or allow more time in "
    "ANALYST_URL: `?options=-c%20statement_timeout%3D30min`",
    "25006": "This connection is read-only",
    "42501": "The role may only read the schemas `warehouse` and `marts`",
    "42601": "Correct the query; only statements that read are accepted, such as SELECT",
    "42P01": "`cryptoassets sql '\\d'` lists the tables",
    "42883": "If it is one of the platform's functions, `cryptoassets run` creates it",
}


def connect() -> psycopg.Connection:
    """Return a new read-only connection, with autocommit, time-outs and the time zone UTC.

    This starts no server, and never logs in as the owner of the data. Queries may name the tables
    of the schemas `marts` and `warehouse` without their schema.

    Raises:
        AnalystLoginError: the log-in does not exist, or its role can write; the message contains
            the SQL that creates a read-only log-in.
        StoreNotRunningError: the embedded PostgreSQL is stopped.
        StoreUnavailableError: the server cannot be reached.
        UpstreamNotMaterializedError: the database has no tables yet.
    """
    url = Stack(load_settings()).analyst_url()
    parsed = libpq.parameters(url)
    address = libpq.address(parsed)
    try:
        connection = libpq.connect_to_read(url, analyst.LIMITS)
    except psycopg.OperationalError as error:
        raise _no_connection(error, address, str(parsed.get("dbname", ""))) from error
    try:
        with query_errors():
            _fail_if_role_can_write(connection, address)
            _fail_if_database_is_empty(connection, address)
    except BaseException:
        connection.close()
        raise
    return connection


@contextmanager
def query_errors() -> Iterator[None]:
    """Convert psycopg's errors in a reader's query to errors of `cryptoassets.errors`.

    Raises:
        StoreUnavailableError: the connection was lost, or the server is out of resources.
        QueryError: the server refused the query.
    """
    try:
        yield
    except psycopg.Error as error:
        reason = " ".join((error.diag.message_primary or str(error)).split()).rstrip(".")
        state = error.sqlstate
        is_lost = state is None and isinstance(
            error, psycopg.OperationalError | psycopg.InterfaceError
        )
        if is_lost or (state or "").startswith(_TRANSIENT_CLASSES):
            raise StoreUnavailableError(
                f"PostgreSQL did not answer the query: {reason}. A retry can help; check that the "
                "server is running (`cryptoassets up` starts the embedded one)"
            ) from error
        # For several statements in one text, the server returns the SQLSTATE of a syntax error and
        # a message in its own language. Only the name of its C function identifies this error.
        if state == "42601" and error.diag.source_function == "exec_parse_message":
            raise QueryError(
                "Only one statement at a time is accepted. Run the statements one by one"
            ) from error
        hint = error.diag.message_hint or ""
        remedy = _REMEDIES.get(state or "", hint.rstrip(".") or "Correct the query")
        raise QueryError(f"PostgreSQL refused the query: {reason}. {remedy}") from error


def _no_connection(error: psycopg.Error, address: str, database: str) -> CryptoassetsError:
    reason = " ".join(str(error).split())
    if _NO_LOGIN.search(reason):
        return AnalystLoginError(
            f"PostgreSQL at {address} refused the log-in of the read-only role: {reason}. "
            "Correct ANALYST_URL, or ask an administrator to create the log-in:\n"
            f"{analyst.how_to_create_login(database)}"
        )
    remedy = "check that the server is running (`cryptoassets up` starts the embedded one)"
    remedy = libpq.FULL_REMEDY if libpq.is_full(error) else remedy
    return StoreUnavailableError(
        f"PostgreSQL at {address} cannot be reached: {reason}. A retry can help; {remedy}"
    )


def _fail_if_role_can_write(connection: psycopg.Connection, address: str) -> None:
    found = connection.execute(_WHAT_ROLE_CAN_CHANGE).fetchone()
    if found is not None:
        raise AnalystLoginError(
            f"The role `{connection.info.user}` of ANALYST_URL at {address} can {found[0]}, but "
            "this command only works with a role that cannot write. Put the URL of such a role "
            "into ANALYST_URL; this SQL creates one:\n"
            f"{analyst.how_to_create_login(connection.info.dbname)}"
        )


def _fail_if_database_is_empty(connection: psycopg.Connection, address: str) -> None:
    if connection.execute("SELECT to_regnamespace('marts')").fetchone() == (None,):
        raise UpstreamNotMaterializedError(
            f"The database at {address} has no tables yet. Run `cryptoassets run`, which creates "
            "and fills them"
        )
