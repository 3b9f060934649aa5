"""Prints the rows of a query as a table, CSV or JSON, and the result of an export.

What goes here: rendering. What stays out: reading (in `analysis`).
"""

import io
import json
import sys
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

import pyarrow as pa
from pyarrow import csv
from rich.cells import cell_len
from rich.console import Console

from cryptoassets.analysis.reading import open_rows
from cryptoassets.operations.progress import number_of

if TYPE_CHECKING:
    from cryptoassets.analysis.export import ExportedFile
    from cryptoassets.analysis.query import Rows

MAX_ROWS = 1000
"""Maximum number of rows in a printed table."""


def print_query(console: Console, statement: str, output: str) -> None:
    """Run a statement and print its rows."""
    with open_rows(statement) as rows:
        print_rows(console, rows, output)


def print_rows(console: Console, rows: "Rows", output: str) -> None:
    """Print rows as a table, CSV or JSON."""
    if output == "csv":
        _print_csv(rows)
    elif output == "json":
        _print_json(rows)
    else:
        _print_table(console, rows)


def print_export(console: Console, written: "ExportedFile") -> None:
    """Print the file's path, its number of rows, and how many strings got an apostrophe."""
    console.print(
        f"{written.path}: {number_of(written.rows, 'row')}.", soft_wrap=True, markup=False
    )
    if written.escaped:
        console.print(
            f"{number_of(written.escaped, 'string')} prefixed with an apostrophe. Strings that "
            "begin with = + - or @ are formulas for a spreadsheet."
        )


def _print_table(console: Console, rows: "Rows") -> None:
    count, shown = 0, []
    for batch in rows.batches:
        shown += list(_cells(batch.slice(0, max(0, MAX_ROWS - count))))
        count += batch.num_rows
    for line in table_lines(rows, shown):
        # Not a table from rich, which would cut off digits in a narrow terminal.
        console.print(line, soft_wrap=True, markup=False, emoji=False)
    more = f"; the first {MAX_ROWS:,} are shown, --format csv prints all"
    console.print(
        f"({count:,} {'row' if count == 1 else 'rows'}{more if count > MAX_ROWS else ''})"
    )


def table_lines(rows: "Rows", shown: Sequence[Sequence[object]]) -> Iterator[str]:
    """Yield lines with cells below their column names; numbers are right-aligned, as in psql."""
    cells = [[printable(cell) for cell in row] for row in (rows.schema.names, *shown)]
    widths = [max(map(cell_len, column)) for column in zip(*cells, strict=True)]
    is_number = [f.name in rows.amounts or _is_number(f.type) for f in rows.schema]
    for number, row in enumerate(cells):
        padded = [
            " " * (width - cell_len(cell)) + cell
            if right
            else cell + " " * (width - cell_len(cell))
            for cell, width, right in zip(row, widths, is_number, strict=True)
        ]
        yield f" {' | '.join(padded)}".rstrip()
        if number == 0:
            yield "-+-".join("-" * width for width in widths).join(("-", "-"))


def _is_number(kind: pa.DataType) -> bool:
    return bool(pa.types.is_integer(kind) or pa.types.is_floating(kind))


def printable(value: object) -> str:
    """Return a value as a string; control characters, e.g. in a coin's name, are escaped."""
    text = "" if value is None else str(value).lower() if isinstance(value, bool) else str(value)
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)


def _print_csv(rows: "Rows") -> None:
    options = csv.WriteOptions(include_header=False, quoting_style="needed")
    header = io.BytesIO()
    csv.write_csv(pa.table({name: [] for name in rows.schema.names}), header)
    sys.stdout.write(header.getvalue().decode())
    for batch in rows.batches:
        lines = io.BytesIO()
        csv.write_csv(batch, lines, options)
        sys.stdout.write(lines.getvalue().decode())


def _print_json(rows: "Rows") -> None:
    separator = "[\n"
    for batch in rows.batches:
        for row in _cells(batch):
            values = dict(zip(rows.schema.names, row, strict=True))
            sys.stdout.write(f"{separator}{json.dumps(values, ensure_ascii=False, default=str)}")
            separator = ",\n"
    sys.stdout.write("[]\n" if separator == "[\n" else "\n]\n")


def _cells(batch: pa.RecordBatch) -> Any:
    return zip(*(column.to_pylist() for column in batch.columns), strict=True)
