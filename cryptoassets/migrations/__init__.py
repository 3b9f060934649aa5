"""Upgrades the schema of PostgreSQL to its newest revision.

What goes here: checking whether a database is up to date, and upgrading it (with alembic as a
library, without `alembic.ini`). What stays out: the SQL (in `versions`), the tables as the code
sees them (in `schemas`; a test compares the two) and the monthly partitions of `coin_prices`, which
are created when needed (in `resources.postgres`).
"""

from pathlib import Path

import psycopg

from cryptoassets import libpq

# The names of the modules are enough: importing alembic is slow.
_NAMES = sorted(path.stem for path in (Path(__file__).parent / "versions").glob("*_*.py"))
HEAD = max(name[1:5] for name in _NAMES if name.startswith("r"))
"""The newest revision of the platform, from the module `r<number>_<words>`."""
_HEADS = {HEAD, *[name[:8] for name in _NAMES if name.startswith("own_")][-1:]}
"""Also the newest of the user's own revisions, from the module `own_<number>_<words>`."""


def upgrade(url: str) -> None:
    """Upgrade the schema to the newest revisions; fast if it has them, safe with other callers.

    Args:
        url: `postgresql://user:password@host:port/database` of a role that may create schemas.

    Raises:
        UnknownRevisionError: newer code has migrated the database to a revision unknown here.
        SettingsError: the database is not UTF-8.
        StoreError: the database is read-only.
        psycopg.Error: the server returned another error; nothing was changed.
    """
    with libpq.connect(url) as connection:
        if _revisions(connection) == _HEADS:
            return
    # Imported only here, because most connections need no migration.
    from cryptoassets.migrations.runner import run_revisions  # noqa: PLC0415

    run_revisions(url)


def _revisions(connection: psycopg.Connection) -> set[str]:
    try:
        rows = connection.execute("SELECT version_num FROM warehouse.alembic_version").fetchall()
    except psycopg.errors.UndefinedTable:
        return set()
    return {str(revision) for (revision,) in rows}
