"""Runs alembic on one connection, in one transaction; a lock allows one migration at a time.

What goes here: all use of alembic and SQLAlchemy for migrations. What stays out: the quick check
whether a migration is needed (in `__init__`, which imports this module only if it is).
"""

import logging
import re
from functools import partial
from pathlib import Path

import psycopg
import sqlalchemy as sa
from alembic import command
from alembic.config import Config
from alembic.util import CommandError

from cryptoassets import libpq
from cryptoassets.errors import SchemaMismatchError, UnknownRevisionError

_LOG = logging.getLogger(__name__)
_ATTEMPTS = 3
# Migrations lock alembic's table, so it is created first. Roles that may only read the table cannot
# block this lock.
_LOCKED_TABLE = """
    CREATE SCHEMA IF NOT EXISTS warehouse;
    CREATE TABLE IF NOT EXISTS warehouse.alembic_version (
        version_num varchar(32) NOT NULL,
        CONSTRAINT alembic_version_pkc PRIMARY KEY (version_num)
    );
    LOCK TABLE warehouse.alembic_version IN EXCLUSIVE MODE
"""
_RELATIONS = """
    SELECT format('%s.%s', nspname, relname), relname
    FROM pg_class JOIN pg_namespace AS schemas ON schemas.oid = relnamespace
    WHERE nspname IN ('warehouse', 'marts') ORDER BY 1
"""


def run_revisions(url: str, last: str = "heads") -> None:
    """Run the missing revisions up to `last`, all in one transaction.

    Raises:
        UnknownRevisionError: newer code has migrated the database to a revision that this code
            does not know.
        SchemaMismatchError: a revision cannot create a relation, because its name is in use.
        psycopg.Error: the server returned another error.
    """
    engine = sa.create_engine(
        # libpq parses the URL, because it accepts more URL formats than SQLAlchemy does.
        "postgresql+psycopg://",
        creator=partial(_connect, url),
        poolclass=sa.NullPool,
    )
    try:
        for left in reversed(range(_ATTEMPTS)):
            try:
                _run(engine, last)
                break
            except (sa.exc.IntegrityError, sa.exc.ProgrammingError) as error:
                # If two processes create the schema at the same time, the second one fails when
                # the first one commits. Then the second one tries again.
                if left == 0 or not isinstance(error.orig, psycopg.errors.UniqueViolation):
                    raise
    except sa.exc.DBAPIError as error:
        if isinstance(error.orig, psycopg.errors.DuplicateTable):
            raise _name_conflict(engine, error.orig) from None
        if isinstance(error.orig, psycopg.Error):
            # SQLAlchemy's message would contain the revision's full SQL.
            raise error.orig from None
        raise


def _run(engine: sa.Engine, last: str) -> None:
    with engine.begin() as connection:
        # Creating an index over years of rows may take a long time.
        connection.execute(sa.text("SET LOCAL statement_timeout = 0"))
        connection.execute(sa.text("SET LOCAL lock_timeout = '60s'"))
        connection.execute(sa.text(_LOCKED_TABLE))
        _upgrade(connection, last)


def _connect(url: str) -> psycopg.Connection:
    connection = libpq.connect(url)
    connection.add_notice_handler(_log_warning)
    return connection


def _log_warning(diagnostic: psycopg.errors.Diagnostic) -> None:
    if diagnostic.severity_nonlocalized == "WARNING":
        _LOG.warning(diagnostic.message_primary)


def _upgrade(connection: sa.Connection, last: str) -> None:
    config = Config(attributes={"connection": connection})
    config.set_main_option("script_location", str(Path(__file__).parent).replace("%", "%%"))
    try:
        command.upgrade(config, last)
    except CommandError:
        # Alembic's own error names neither the database nor a remedy.
        raise _unknown_revision(connection) from None


def _name_conflict(engine: sa.Engine, error: psycopg.Error) -> SchemaMismatchError:
    """Return an error that names the conflicting relation with its schema."""
    message = error.diag.message_primary or str(error)
    with engine.connect() as connection:
        database = connection.execute(sa.text("SELECT current_database()")).scalar_one()
        relations = connection.execute(sa.text(_RELATIONS)).all()
    # Compare words without quotation marks, whose style depends on the server's language.
    words = set(re.findall(r"\w+", message))
    found = ", ".join(name for name, relation in relations if relation in words) or message
    return SchemaMismatchError(
        f"PostgreSQL database {database!r} already has {found}, which this platform did not "
        "create. The platform needs this name. Nothing was changed and a retry will not help: "
        "rename or move it, or set POSTGRES_URL to an empty database"
    )


def _unknown_revision(connection: sa.Connection) -> UnknownRevisionError:
    database, revision = connection.execute(
        sa.text(
            "SELECT current_database(), string_agg(version_num, ', ') "
            "FROM warehouse.alembic_version"
        )
    ).one()
    return UnknownRevisionError(
        f"PostgreSQL database {database!r} is at revision {revision}, which is unknown here: newer "
        "code has migrated the database. A retry will not help; update the code: "
        "`git pull && make run`, or in compose `docker-compose up -d --build`"
    )
