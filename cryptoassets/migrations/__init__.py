"""The schema of PostgreSQL, brought to its newest revision.

What goes here: whether a database is up to date, and the way there (alembic as a library; no
`alembic.ini`). What stays out: the SQL (in `versions`), the tables as the code sees
them (in `schemas`; a test holds the two together) and the months of `coin_prices`, which are made
as needed (in `resources.postgres`).
"""

import psycopg

from cryptoassets import libpq

HEAD = "0008"
"""Newest revision; known without alembic, whose import takes longer than all else here."""


def upgrade(url: str) -> None:
    """Bring the schema to `HEAD`; cheap when it is there, safe when several do it at once.

    Args:
        url: `postgresql://user:password@host:port/database` of a role that may create schemas.

    Raises:
        UnknownRevisionError: newer code has brought the database further than this code can.
        SettingsError: the database is not UTF-8.
        StoreError: it is read-only.
        psycopg.Error: the server refused; nothing was changed.
    """
    with libpq.connect(url) as connection:
        if _revision(connection) == HEAD:
            return
    # Needed once in the life of a database.
    from cryptoassets.migrations.runner import run_revisions  # noqa: PLC0415

    run_revisions(url)


def _revision(connection: psycopg.Connection) -> str | None:
    try:
        row = connection.execute("SELECT version_num FROM warehouse.alembic_version").fetchone()
    except psycopg.errors.UndefinedTable:
        return None
    return None if row is None else str(row[0])
