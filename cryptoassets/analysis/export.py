"""Writes the rows of a table to a file, completely or not at all.

What goes here: the file, its name and its replacement. What stays out: the formats (in `formats`),
the query (in `selection`), progress and the summary on the screen (in the command line).
"""

import os
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from datetime import UTC, tzinfo
from pathlib import Path
from typing import get_args

import pyarrow as pa

from cryptoassets.analysis.connection import connect
from cryptoassets.analysis.formats import WRITERS, Format
from cryptoassets.analysis.query import Rows, run_query
from cryptoassets.analysis.selection import Filter, fail_if_unknown, selection
from cryptoassets.analysis.tables import find_table
from cryptoassets.errors import SettingsError, StoreError
from cryptoassets.schemas import Table


@dataclass(frozen=True)
class ExportRequest:
    """What to write, and how.

    Attributes:
        table: name of a table, with or without its schema.
        wanted: which rows to write.
        format: format of the file.
        out: the file, or a folder; None means the current folder. In a folder, the file is named
            after the table.
        zone: time zone in which times are written.
        overwrites: whether an existing file is replaced.
    """

    table: str
    wanted: Filter
    format: Format
    out: Path | None = None
    zone: tzinfo = UTC
    overwrites: bool = False


@dataclass(frozen=True)
class ExportedFile:
    """A written file; `escaped` counts strings that a spreadsheet would treat as formulas."""

    path: Path
    rows: int
    escaped: int


def export_table(request: ExportRequest, report: Callable[[int], None]) -> ExportedFile:
    """Write the rows of a table to a file, which gets its name only when it is complete.

    Args:
        request: what to write.
        report: called with the number of rows read so far.

    Raises:
        SettingsError: the table, the filter or the file name is invalid, or the file exists.
        ExtraMissingError: the package that writes this format is not installed.
        StoreError: the file cannot be written.
    """
    table = find_table(request.table)
    path = _path(request, table)
    statement, parameters = selection(table, request.wanted)
    writer = WRITERS[request.format]
    with closing(connect()) as connection:
        fail_if_unknown(connection, request.wanted)
        rows = run_query(
            connection, statement, parameters, has_text_amounts=writer.has_text_amounts
        )
        counter = _RowCounter(report)
        counted = Rows(rows.schema, counter.counted(rows.batches), rows.amounts)
        with _replacing(path, overwrites=request.overwrites) as temporary:
            escaped = writer.write(temporary, table.name, counted, request.zone)
    return ExportedFile(path, counter.rows, escaped)


class _RowCounter:
    def __init__(self, report: Callable[[int], None]) -> None:
        self.rows = 0
        self._report = report

    def counted(self, batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        for batch in batches:
            self.rows += batch.num_rows
            self._report(self.rows)
            yield batch


def _path(request: ExportRequest, table: Table) -> Path:
    if request.format not in get_args(Format):
        known = ", ".join(get_args(Format))
        raise SettingsError(f"{request.format!r} is not a format. Known formats: {known}")
    out = request.out or Path()
    path = out / f"{table.name}.{request.format}" if out.is_dir() else out
    if not path.parent.is_dir():
        raise SettingsError(f"The folder {path.parent} does not exist. Create it first")
    _fail_if_exists(path, overwrites=request.overwrites)
    return path


def _fail_if_exists(path: Path, *, overwrites: bool) -> None:
    if path.exists() and not overwrites:
        raise SettingsError(f"{path} exists. Choose another --out, or replace it with --force")


@contextmanager
def _replacing(path: Path, *, overwrites: bool) -> Iterator[Path]:
    temporary = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        yield temporary
        _fail_if_exists(path, overwrites=overwrites)
        temporary.replace(path)
    except OSError as error:
        raise StoreError(
            f"{path} cannot be written: {error.strerror or error}. Free some space, or choose "
            "another --out"
        ) from error
    finally:
        temporary.unlink(missing_ok=True)
