"""How alembic is driven: one connection, one transaction, one migrator at a time.

What goes here: the only use of alembic's and SQLAlchemy's machinery. What stays out: the quick look
whether there is anything to do (in the package), so that a run at head never imports this.
"""

import logging
from functools import partial
from pathlib import Path

import psycopg
import sqlalchemy as sa
from alembic import command
from alembic.config import Config
from alembic.util import CommandError

from cryptoassets.errors import UnknownRevisionError

_LOG = logging.getLogger(__name__)
_LOCK = "cryptoassets.migrations"


def run_revisions(url: str, last: str = "head") -> None:
    """Run what is missing up to a revision, in one transaction: all of it stands, or nothing.

    Raises:
        UnknownRevisionError: newer code has brought the database further than this code can.
        psycopg.Error: the server refused.
    """
    engine = sa.create_engine(
        # libpq reads the URL itself, for SQLAlchemy understands fewer forms of it.
        "postgresql+psycopg://",
        creator=partial(_connect, url),
        poolclass=sa.NullPool,
    )
    try:
        with engine.begin() as connection:
            connection.execute(sa.text("SET LOCAL lock_timeout = '60s'"))
            connection.execute(
                sa.text("SELECT pg_advisory_xact_lock(hashtextextended(:name, 0))"), {"name": _LOCK}
            )
            _upgrade(connection, last)
    except sa.exc.DBAPIError as error:
        if isinstance(error.orig, psycopg.Error):
            # SQLAlchemy's message would carry the whole revision.
            raise error.orig from None
        raise


def _connect(url: str) -> psycopg.Connection:
    connection = psycopg.connect(url, connect_timeout=10, application_name="cryptoassets")
    connection.add_notice_handler(_log_warning)
    return connection


def _log_warning(diagnostic: psycopg.errors.Diagnostic) -> None:
    if diagnostic.severity_nonlocalized == "WARNING":
        _LOG.warning(diagnostic.message_primary)


def _upgrade(connection: sa.Connection, last: str) -> None:
    # Alembic makes its table before the first revision can make the schema.
    connection.execute(sa.text("CREATE SCHEMA IF NOT EXISTS warehouse"))
    config = Config(attributes={"connection": connection})
    config.set_main_option("script_location", str(Path(__file__).parent).replace("%", "%%"))
    try:
        command.upgrade(config, last)
    except CommandError:
        # Alembic's own words name neither database nor remedy; in a run's log they only confuse.
        raise _unknown_revision(connection) from None


def _unknown_revision(connection: sa.Connection) -> UnknownRevisionError:
    database, revision = connection.execute(
        sa.text(
            "SELECT current_database(), string_agg(version_num, ', ') "
            "FROM warehouse.alembic_version"
        )
    ).one()
    return UnknownRevisionError(
        f"PostgreSQL database {database!r} is at revision {revision}, which this code does not "
        "know: it is older than the code that migrated the database. A retry will not help; "
        "update the code: `git pull && make run`, or in compose `docker-compose up -d --build`"
    )
