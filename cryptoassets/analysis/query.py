"""Runs one query and streams its rows as Arrow batches.

What goes here: running any query, and the Arrow types of its columns. What stays out: the
connection (in `connection`), checks of the user's text (in `statements`), queries on the platform's
tables (in `selection`), conversions (in `result`).
"""

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import psycopg
import pyarrow as pa
from psycopg import sql

from cryptoassets.analysis.connection import query_errors
from cryptoassets.analysis.statements import Parameters, checked_query, is_report
from cryptoassets.csv_rows import read_batches
from cryptoassets.errors import QueryError
from cryptoassets.schemas import DECIMAL_PRECISION, DECIMAL_SCALE

_NUMERIC = 1700
_TEXT_ARRAYS = (1009, 1015)
_TEXTS = (18, 19, 25, 1042, 1043)
_TYPES: dict[int, pa.DataType] = {
    16: pa.bool_(),
    20: pa.int64(),
    21: pa.int16(),
    23: pa.int32(),
    26: pa.int64(),
    700: pa.float32(),
    701: pa.float64(),
    1082: pa.date32(),
    1114: pa.timestamp("us"),
    1184: pa.timestamp("us", tz="UTC"),
    _NUMERIC: pa.decimal128(DECIMAL_PRECISION, DECIMAL_SCALE),
    **dict.fromkeys(_TEXTS, pa.string()),
    **dict.fromkeys(_TEXT_ARRAYS, pa.list_(pa.string())),
}
"""Arrow types by the OID of the PostgreSQL type; all other types become strings."""


@dataclass(frozen=True)
class Rows:
    """The rows of a query.

    Attributes:
        schema: names and types of the columns, in order.
        batches: the rows, which can be read only once; the query runs while they are read.
        amounts: names of the NUMERIC columns.
    """

    schema: pa.Schema
    batches: Iterator[pa.RecordBatch]
    amounts: frozenset[str]


def run_query(
    connection: psycopg.Connection,
    statement: str,
    parameters: Parameters | None = None,
    *,
    has_text_amounts: bool = False,
) -> Rows:
    """Run one SELECT, VALUES, TABLE, WITH, EXPLAIN or SHOW.

    NUMERIC becomes decimal128(38, 18); a number with more decimal places is rounded half away from
    zero. Repeated column names get numbers.

    Args:
        connection: a connection from `connection.connect`.
        statement: one statement.
        parameters: values for `%s` or `%(name)s`; without them `%` has no special meaning.
        has_text_amounts: whether NUMERIC becomes a string, with all its decimal places.

    Raises:
        QueryError: the server refused the statement, or a value fits no Arrow type.
        StoreUnavailableError: the connection was lost.
    """
    if is_report(statement):
        return _report(connection, statement)
    query = checked_query(connection, statement, parameters)
    with query_errors():
        # With `prepare`, psycopg uses the extended protocol, which refuses a second statement.
        head = sql.SQL("SELECT * FROM ({}\n) AS rows LIMIT 0").format(query)
        columns = connection.execute(head, prepare=True).description or []
    if not columns:
        raise QueryError("The query has no columns. Add one")
    places = [sql.Identifier(f"column {number}") for number in range(len(columns))]
    names = _distinct([column.name for column in columns])
    known = {_NUMERIC: pa.string()} if has_text_amounts else {}
    types = [(_TYPES | known).get(column.type_code, pa.string()) for column in columns]
    expressions = [
        _expression(column, place, type_)
        for column, place, type_ in zip(columns, places, types, strict=True)
    ]
    selected = sql.SQL("SELECT {} FROM ({}\n) AS rows ({})").format(
        sql.SQL(", ").join(expressions), query, sql.SQL(", ").join(places)
    )
    schema = pa.schema(list(zip(names, types, strict=True)))
    amounts = [n for n, c in zip(names, columns, strict=True) if c.type_code == _NUMERIC]
    return Rows(schema, _batches(connection, selected, schema), frozenset(amounts))


def _report(connection: psycopg.Connection, statement: str) -> Rows:
    # EXPLAIN and SHOW cannot be subqueries; their few rows are read as strings.
    with query_errors():
        cursor = connection.execute(sql.SQL(statement.strip().rstrip(";")), prepare=True)
        names = [column.name for column in cursor.description or []]
        lines = [dict(zip(names, map(str, row), strict=True)) for row in cursor]
    schema = pa.schema([(name, pa.string()) for name in names])
    return Rows(schema, iter([pa.RecordBatch.from_pylist(lines, schema=schema)]), frozenset())


def _expression(
    column: psycopg.Column, place: sql.Identifier, type_: pa.DataType
) -> sql.Composable:
    is_exact = (column.precision, column.scale) == (DECIMAL_PRECISION, DECIMAL_SCALE)
    if pa.types.is_decimal(type_) and not is_exact:
        return sql.SQL("round({}, {})").format(place, sql.Literal(DECIMAL_SCALE))
    if pa.types.is_list(type_):
        return sql.SQL("to_json({})").format(place)
    return place


def _distinct(names: Sequence[str]) -> list[str]:
    """Add numbers to repeated names: Arrow allows them, but pandas, polars and JSON do not."""
    unique_names: list[str] = []
    for name in names:
        number, unique = 1, name
        while unique in unique_names:
            number += 1
            unique = f"{name}_{number}"
        unique_names.append(unique)
    return unique_names


def _batches(
    connection: psycopg.Connection, query: sql.Composable, schema: pa.Schema
) -> Iterator[pa.RecordBatch]:
    is_list = [pa.types.is_list(field.type) for field in schema]
    sent = pa.schema(
        [
            pa.field(field.name, pa.string() if listed else field.type)
            for field, listed in zip(schema, is_list, strict=True)
        ]
    )
    try:
        with query_errors(), connection.cursor() as cursor:
            for batch in read_batches(cursor, sent, query):
                if not any(is_list):
                    yield batch
                    continue
                columns = [
                    _lists(column) if listed else column
                    for column, listed in zip(batch.columns, is_list, strict=True)
                ]
                yield pa.RecordBatch.from_arrays(columns, schema=schema)
    except (pa.ArrowInvalid, pa.ArrowTypeError) as error:
        raise QueryError(
            f"A value of the result fits no Arrow type: {error}. Cast the column in the query, "
            "for example to text: `amount::text`"
        ) from error


def _lists(texts: pa.Array) -> pa.Array:
    values: list[Any] = [None if text is None else json.loads(text) for text in texts.to_pylist()]
    return pa.array(values, pa.list_(pa.string()))
