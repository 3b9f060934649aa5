"""Finds tables by the names that a user types.

What goes here: finding a table, and which tables are offered. What stays out: what a table contains
(in `schemas`). Imports nothing large, so that a shell completes names quickly.
"""

from collections.abc import Iterable
from difflib import get_close_matches

from cryptoassets.errors import SettingsError
from cryptoassets.schemas import PARTITION_LOCKS, POSTGRES_TABLES, Table

# The locks are internal: their rows hold no data.
OFFERED_TABLES = tuple(table for table in POSTGRES_TABLES if table is not PARTITION_LOCKS)
"""The tables and views that messages and completion name."""


def find_table(name: str) -> Table:
    """Return the table in PostgreSQL with this name, with or without its schema.

    Raises:
        SettingsError: there is no such table; the message suggests the closest name.
    """
    for table in POSTGRES_TABLES:
        if name in (table.name, table.full_name):
            return table
    close = closest(name, [n for table in OFFERED_TABLES for n in (table.name, table.full_name)])
    known = ", ".join(table.full_name for table in OFFERED_TABLES)
    hint = f"Did you mean {close}?" if close else f"Known tables: {known}"
    raise SettingsError(f"There is no table {name!r}. {hint}")


def closest(name: str, known: Iterable[str]) -> str | None:
    """Return the known name that is most similar to a misspelt one, or None if none is similar."""
    # Many coins have similar names: Python's default cutoff, 0.6, would suggest unrelated coins.
    similar = get_close_matches(name.lower(), list(known), n=1, cutoff=0.75)
    return similar[0] if similar else None
