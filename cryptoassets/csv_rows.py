"""Reads the rows of a query from PostgreSQL as Arrow, by COPY in CSV: exact, and batch by batch.

What goes here: the only parser of PostgreSQL's CSV. What stays out: which query, which types (in
`stores.copying` for tables, in `analysis` for any query).
"""

import io
from collections.abc import Iterator
from typing import Any

import psycopg
import pyarrow as pa
from psycopg import sql
from pyarrow import csv

BYTES_PER_BATCH = 8 * 2**20
"""Bytes of CSV per batch; the Arrow batch needs about the same again."""


def read_batches(
    cursor: psycopg.Cursor[Any], schema: pa.Schema, query: sql.Composable
) -> Iterator[pa.RecordBatch]:
    """Read the rows of a query with exact decimals, keeping only one batch in memory.

    Args:
        cursor: any cursor.
        schema: names and types of the query's columns, in order.
        query: a query that contains its parameters, because COPY takes none.
    """
    # The line break ends a comment at the end of the query.
    statement = sql.SQL("COPY ({}\n) TO STDOUT (FORMAT csv)").format(query)
    with cursor.copy(statement) as copy:
        lines = io.BytesIO()
        # Each message is one row, even if its texts contain line breaks.
        for message in copy:
            lines.write(message)
            if lines.tell() >= BYTES_PER_BATCH:
                yield from _parsed(lines, schema)
                lines = io.BytesIO()
        if lines.tell():
            yield from _parsed(lines, schema)


def _parsed(lines: io.BytesIO, schema: pa.Schema) -> list[pa.RecordBatch]:
    lines.seek(0)
    rows = csv.read_csv(
        lines,
        # One block, so one batch.
        read_options=csv.ReadOptions(
            column_names=schema.names, block_size=lines.getbuffer().nbytes
        ),
        convert_options=csv.ConvertOptions(
            column_types=schema,
            null_values=[""],
            true_values=["t"],
            false_values=["f"],
            strings_can_be_null=True,
            quoted_strings_can_be_null=False,
            timestamp_parsers=["%Y-%m-%d %H:%M:%S.%f%z", "%Y-%m-%d %H:%M:%S%z", csv.ISO8601],
        ),
        # An empty line is a row whose only column is null.
        parse_options=csv.ParseOptions(newlines_in_values=True, ignore_empty_lines=False),
    )
    batches: list[pa.RecordBatch] = rows.to_batches()
    return batches
