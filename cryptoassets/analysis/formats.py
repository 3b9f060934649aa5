"""The file formats of exports.

What goes here: one writer for each format; each keeps only one batch of rows in memory. What stays
out: naming and replacing files (in `export`).
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import date, tzinfo
from pathlib import Path
from typing import Any, Literal

import pyarrow as pa
from pyarrow import csv
from pyarrow import parquet as pq

from cryptoassets.analysis.query import Rows
from cryptoassets.analysis.result import extra_module
from cryptoassets.analysis.texts import as_texts, with_zone, without_formulas
from cryptoassets.errors import SettingsError

Format = Literal["parquet", "csv", "duckdb", "xlsx"]

_XLSX_ROWS = 1_048_575
"""Maximum number of rows in a sheet, without the heading."""
_XLSX_CHARACTERS = 32_767


@dataclass(frozen=True)
class Writer:
    """How to write a file in one format.

    Attributes:
        write: takes the file, the table's name, its rows and the time zone for times; returns the
            number of strings to which `without_formulas` added an apostrophe.
        has_text_amounts: amounts are passed as strings, because the format has no exact decimals.
    """

    write: Callable[[Path, str, Rows, tzinfo], int]
    has_text_amounts: bool


def _write_parquet(path: Path, _name: str, rows: Rows, zone: tzinfo) -> int:
    schema = with_zone(rows.schema, zone)
    with pq.ParquetWriter(path, schema, compression="zstd") as writer:
        for batch in rows.batches:
            writer.write_batch(batch.cast(schema))
    return 0


def _write_duckdb(path: Path, name: str, rows: Rows, _zone: tzinfo) -> int:
    connection = extra_module("duckdb", extra="duckdb").connect(str(path))
    try:
        connection.register("batch", rows.schema.empty_table())
        connection.execute(f'CREATE TABLE "{name}" AS SELECT * FROM batch')  # noqa: S608 -- our own names
        for batch in rows.batches:
            connection.register("batch", pa.Table.from_batches([batch]))
            connection.execute(f'INSERT INTO "{name}" SELECT * FROM batch')  # noqa: S608 -- our own names
    finally:
        connection.close()
    return 0


def _write_csv(path: Path, _name: str, rows: Rows, zone: tzinfo) -> int:
    # Strings are quoted, so that an empty string differs from a missing value.
    options = csv.WriteOptions(quoting_style="needed")
    escaped, writer = 0, None
    try:
        for batch in _batches_or_empty(rows):
            texts, changed = without_formulas(as_texts(batch, zone), rows.amounts)
            escaped += changed
            writer = writer or csv.CSVWriter(path, texts.schema, write_options=options)
            writer.write_batch(texts)
    finally:
        if writer:
            writer.close()
    return escaped


def _write_xlsx(path: Path, name: str, rows: Rows, zone: tzinfo) -> int:
    book = extra_module("xlsxwriter", extra="xlsx").Workbook(str(path), {"constant_memory": True})
    sheet, days = book.add_worksheet(name[:31]), book.add_format({"num_format": "yyyy-mm-dd"})
    for column, title in enumerate(rows.schema.names):
        sheet.write_string(0, column, title)
    escaped = number = 0
    try:
        for batch in rows.batches:
            texts, changed = without_formulas(as_texts(batch, zone), rows.amounts)
            escaped += changed
            _fail_if_too_long(number + texts.num_rows)
            for cells in zip(*(column.to_pylist() for column in texts.columns), strict=True):
                number += 1
                for column, value in enumerate(cells):
                    _write_cell(sheet, (number, column), value, days)
    finally:
        # This also removes xlsxwriter's temporary files.
        book.close()
    return escaped


def _fail_if_too_long(rows: int) -> None:
    if rows > _XLSX_ROWS:
        raise SettingsError(
            f"A sheet has room for {_XLSX_ROWS:,} rows, but there are more. Choose fewer with "
            "--since and --coins, or write parquet"
        )


def _write_cell(sheet: Any, place: tuple[int, int], value: object, days: Any) -> None:
    if value is None:
        return
    if isinstance(value, bool):
        sheet.write_boolean(*place, value)
    elif isinstance(value, int | float):
        sheet.write_number(*place, value)
    elif isinstance(value, date):
        sheet.write_datetime(*place, value, days)
    elif len(str(value)) > _XLSX_CHARACTERS:
        raise SettingsError(
            f"A string in row {place[0]} has more than {_XLSX_CHARACTERS:,} characters, which no "
            "cell can hold. Write csv or parquet"
        )
    else:
        sheet.write_string(*place, str(value))


def _batches_or_empty(rows: Rows) -> Iterator[pa.RecordBatch]:
    is_empty = True
    for batch in rows.batches:
        is_empty = False
        yield batch
    if is_empty:
        yield pa.RecordBatch.from_pylist([], schema=rows.schema)


WRITERS: dict[str, Writer] = {
    "parquet": Writer(_write_parquet, has_text_amounts=False),
    "csv": Writer(_write_csv, has_text_amounts=True),
    "duckdb": Writer(_write_duckdb, has_text_amounts=False),
    "xlsx": Writer(_write_xlsx, has_text_amounts=True),
}
