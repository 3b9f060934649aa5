"""Upgrades the PostgreSQL schema to the newest revision.

What goes here: checking whether a database is up to date, and upgrading it (with alembic as a
library, without `alembic.ini`). What stays out: the SQL (in `versions`), the tables as the code
sees them (in `schemas`; a test compares the two) and the monthly partitions of `coin_prices`, which
are created when needed (in `resources.postgres`).
"""

from pathlib import Path

import psycopg

from cryptoassets import libpq

# The revisions are found by module name, because importing alembic is slow.
_NAMES = sorted(path.stem for path in (Path(__file__).parent / "versions").glob("*_*.py"))
HEAD = max(name[1:5] for name in _NAMES if name.startswith("r"))
"""The platform's newest revision: the number in the name of its module, `r<number>_<words>`."""
_HEADS = {HEAD, *[name[:8] for name in _NAMES if name.startswith("own_")][-1:]}
"""`HEAD` and, if the user has added revisions, the newest of them, e.g. `own_0001` (from the module
`own_0001_<words>`)."""


def upgrade(url: str) -> None:
    """Upgrade the schema to the newest revisions; fast if it is current, safe to call concurrently.

    Args:
        url: `postgresql://user:password@host:port/database`. The user needs the right to
            create schemas.

    Raises:
        UnknownRevisionError: newer code has migrated the database to a revision that this code
            does not know.
        SchemaMismatchError: a revision cannot create a relation, because its name is in use.
        SettingsError: the database is not UTF-8.
        StoreError: the database is read-only.
        psycopg.Error: the server returned another error; nothing was changed.
    """
    with libpq.connect(url) as connection:
        if _revisions(connection) == _HEADS:
            return
    # `runner` is imported only if needed: it imports alembic, which is slow.
    from cryptoassets.migrations.runner import run_revisions  # noqa: PLC0415

    run_revisions(url)


def _revisions(connection: psycopg.Connection) -> set[str]:
    try:
        rows = connection.execute("SELECT version_num FROM warehouse.alembic_version").fetchall()
    except psycopg.errors.UndefinedTable:
        return set()
    return {str(revision) for (revision,) in rows}
