"""Reads the result of a PostgreSQL query as exact Arrow values, batch by batch, with COPY as CSV.

What goes here: the only parser of PostgreSQL's CSV. What stays out: choosing the query and the
column types (in `stores.copying` for tables, in `analysis` for users' queries).
"""

import io
from collections.abc import Iterator
from typing import Any

import psycopg
import pyarrow as pa
from psycopg import sql
from pyarrow import csv

BYTES_PER_BATCH = 8 * 2**20
"""Bytes of CSV per batch; the Arrow batch needs about as much memory again."""


def read_batches(
    cursor: psycopg.Cursor[Any], schema: pa.Schema, query: sql.Composable
) -> Iterator[pa.RecordBatch]:
    """Read a query's rows with exact decimals, keeping only one batch in memory.

    Args:
        cursor: any cursor.
        schema: names and types of the query's columns, in order.
        query: a query whose parameters are already inserted, because COPY accepts none.
    """
    # If the query ends with a comment, the line break ends that comment.
    statement = sql.SQL("COPY ({}\n) TO STDOUT (FORMAT csv)").format(query)
    with cursor.copy(statement) as copy:
        lines = io.BytesIO()
        # Each message is one row, even if a string in that row contains line breaks.
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
        # A single block is parsed into a single batch.
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
        # An empty line is a row that has a single column, which is null.
        parse_options=csv.ParseOptions(newlines_in_values=True, ignore_empty_lines=False),
    )
    batches: list[pa.RecordBatch] = rows.to_batches()
    return batches
