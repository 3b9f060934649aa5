"""Copies Arrow tables to and from PostgreSQL with COPY.

What goes here: converting and transferring rows. What stays out: transactions, and the choice of
rows.
"""

import io
from collections.abc import Iterator
from typing import Any

import psycopg
import pyarrow as pa
import pyarrow.compute as pc
from psycopg import sql
from pyarrow import csv

from cryptoassets.csv_rows import read_batches
from cryptoassets.schemas import Table
from cryptoassets.schemas.arrow import arrow_schema

_ROWS_PER_MESSAGE = 10_000


def staging_name(table: Table) -> str:
    """The name of the temporary table in which rows of a table are staged."""
    return f"staged_{table.name}"


def stage(cursor: psycopg.Cursor[Any], table: Table, rows: pa.Table) -> None:
    """Copy rows into a temporary table, which is dropped at the end of the transaction.

    Args:
        cursor: cursor in a transaction.
        table: a table in the database; its columns are taken from `rows` by name.
        rows: have at least the columns of `table`, with their Arrow types.
    """
    cursor.execute(
        sql.SQL("CREATE TEMPORARY TABLE {} (LIKE {}) ON COMMIT DROP").format(
            sql.Identifier(staging_name(table)), sql.Identifier(table.schema, table.name)
        )
    )
    copy_in(cursor, sql.Identifier(staging_name(table)), rows.select(list(table.column_names)))


def copy_in(cursor: psycopg.Cursor[Any], table: sql.Composable, rows: pa.Table) -> None:
    """Copy rows into a table; columns are matched by name."""
    statement = sql.SQL("COPY {} ({}) FROM STDIN (FORMAT csv)").format(
        table, sql.SQL(", ").join(map(sql.Identifier, rows.column_names))
    )
    with cursor.copy(statement) as copy:
        for message in _csv_messages(rows):
            copy.write(message)


def _csv_messages(rows: pa.Table) -> Iterator[bytes]:
    # "all_valid" quotes every value except null, so that COPY can distinguish '' from NULL.
    options = csv.WriteOptions(include_header=False, quoting_style="all_valid")
    for batch in _flat(rows).to_batches(max_chunksize=_ROWS_PER_MESSAGE):
        message = io.BytesIO()
        csv.write_csv(batch, message, options)
        yield message.getvalue()


def times_as_texts(times: pa.Array) -> pa.Array:
    """Cast times to strings; each distinct time is cast once, because the cast is slow."""
    encoded = times.dictionary_encode()
    return encoded.dictionary.cast(pa.string()).take(encoded.indices)


def _flat(rows: pa.Table) -> pa.Table:
    """Convert times to strings, and lists of reason codes to PostgreSQL array literals."""
    for index, field in enumerate(rows.schema):
        if pa.types.is_timestamp(field.type):
            rows = rows.set_column(
                index, field.name, times_as_texts(rows[field.name].combine_chunks())
            )
        if pa.types.is_list(field.type):
            items = pc.binary_join(rows[field.name], ",")
            literal = pc.binary_join_element_wise("{", items, "}", "")
            rows = rows.set_column(index, field.name, literal)
    return rows


def copy_out(cursor: psycopg.Cursor[Any], table: Table, query: sql.Composable) -> pa.Table:
    """Run a query that returns the columns of a table, and read its rows with exact decimals.

    Args:
        cursor: any cursor.
        table: names and types of the query's columns, in order.
        query: a query with its parameters already inserted, because COPY accepts none.
    """
    return pa.Table.from_batches(copy_batches(cursor, table, query), schema=arrow_schema(table))


def copy_batches(
    cursor: psycopg.Cursor[Any], table: Table, query: sql.Composable
) -> Iterator[pa.RecordBatch]:
    """Read the rows of a query as `copy_out` does, but keep only one batch in memory."""
    return read_batches(cursor, arrow_schema(table), query)
