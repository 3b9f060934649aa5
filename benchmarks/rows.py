"""Compares the rows that two ways have published, row by row.

What goes here: dumping prices and quarantined documents in a common format and order, and comparing
the dumps. What stays out: creating the rows (in `ways`).
"""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import zip_longest
from pathlib import Path
from typing import Any, LiteralString

import psycopg
from psycopg import sql

from benchmarks.measuring import BenchError
from benchmarks.ways.rival_rules import FIELDS, PRICES

_SHOWN = 3


@dataclass(frozen=True)
class Target:
    """The schema in which a way stores its rows, and the SQL expression for quarantine reasons."""

    schema: str
    reasons: LiteralString


OURS = Target("warehouse", "array_to_string(ARRAY(SELECT unnest(reasons) ORDER BY 1), ',')")
RIVAL = Target("rival", "reasons")


@dataclass(frozen=True)
class Rows:
    """Files with one line per row, sorted by key."""

    prices: Path
    quarantine: Path

    def delete(self) -> None:
        """Delete both files."""
        self.prices.unlink()
        self.quarantine.unlink()


def dump(postgres_url: str, target: Target, folder: Path, name: str) -> Rows:
    """Write all of a way's rows to files.

    Args:
        postgres_url: URL of the database.
        target: where the rows are stored in the database.
        folder: folder for the files.
        name: name of the files, without the suffix.
    """
    rows = Rows(folder / f"{name}.prices", folder / f"{name}.quarantine")
    with psycopg.connect(postgres_url) as connection, connection.cursor() as cursor:
        cursor.execute("SET timezone = 'UTC'; SET work_mem = '256MB'")
        columns = sql.SQL(", ").join(map(sql.Identifier, PRICES))
        prices = sql.SQL(
            'COPY (SELECT {} FROM {} ORDER BY coin_id COLLATE "C", observed_at) TO STDOUT'
        ).format(columns, sql.Identifier(target.schema, "coin_prices"))
        with rows.prices.open("wb") as file, cursor.copy(prices) as lines:
            for line in lines:
                file.write(line)
        cursor.execute(
            sql.SQL('SELECT raw_id, {}, payload FROM {} ORDER BY raw_id COLLATE "C"').format(
                sql.SQL(target.reasons), sql.Identifier(target.schema, "quarantine")
            )
        )
        with rows.quarantine.open("w") as file:
            for raw_id, reasons, payload in cursor:
                file.write(f"{raw_id}\t{reasons}\t{json.dumps(_texts(payload))}\n")
    return rows


def _texts(payload: str) -> list[str | None]:
    """Return a payload's fields as text, because some ways store its numbers as text."""
    found: dict[str, Any] = json.loads(payload)
    return [None if found.get(name) is None else str(found[name]) for name in FIELDS]


def fail_if_rows_differ(first: Rows, other: Rows, name: str) -> int:
    """Compare a way's rows with those of the way that ran first; return the number of rows.

    Raises:
        BenchError: rows differ (the message shows the first differences), or there are no rows.
    """
    count = 0
    for kind in ("prices", "quarantine"):
        different: list[str] = []
        for a, b in _pairs(getattr(first, kind), getattr(other, kind)):
            count += 1
            if a != b and len(different) < _SHOWN:
                different.append(f"  first: {a or 'no row'}\n  other: {b or 'no row'}")
        if different:
            shown = "\n".join(different)
            raise BenchError(
                f"The {kind} rows of {name} differ from those of the way that ran first, so these "
                f"ways cannot be compared. The first differences:\n{shown}"
            )
    if count == 0:
        raise BenchError(f"Neither {name} nor the way that ran first has written a row")
    return count


def _pairs(first: Path, other: Path) -> Iterator[tuple[str | None, str | None]]:
    with first.open() as first_lines, other.open() as other_lines:
        for a, b in zip_longest(first_lines, other_lines):
            yield a and a.rstrip("\n"), b and b.rstrip("\n")
