"""Migrations: upgrade the schema of PostgreSQL to its newest revision.

What goes here: checking whether a database is up to date, and upgrading it (alembic as a library,
without `alembic.ini`). What stays out: the SQL (in `versions`), the tables as the code sees them
(in `schemas`; a test keeps the two consistent) and the months of `coin_prices`, which are created
as needed (in `resources.postgres`).
"""

import psycopg

from cryptoassets import libpq

HEAD = "0008"
"""Newest revision; a constant, because importing alembic is slow."""


def upgrade(url: str) -> None:
    """Upgrade the schema to `HEAD`; fast if it is up to date, safe with concurrent callers.

    Args:
        url: `postgresql://user:password@host:port/database` of a role that may create schemas.

    Raises:
        UnknownRevisionError: newer code has migrated the database to a revision unknown here.
        SettingsError: the database is not UTF-8.
        StoreError: it is read-only.
        psycopg.Error: the server refused; nothing was changed.
    """
    with libpq.connect(url) as connection:
        if _revision(connection) == HEAD:
            return
    # Imported only here, because most connections need no migration.
    from cryptoassets.migrations.runner import run_revisions  # noqa: PLC0415

    run_revisions(url)


def _revision(connection: psycopg.Connection) -> str | None:
    try:
        row = connection.execute("SELECT version_num FROM warehouse.alembic_version").fetchone()
    except psycopg.errors.UndefinedTable:
        return None
    return None if row is None else str(row[0])
