"""A table's columns as Arrow types."""

import pyarrow as pa

from cryptoassets.schemas.table import DECIMAL_PRECISION, DECIMAL_SCALE, ColumnType, Table

_ARROW_TYPES: dict[ColumnType, pa.DataType] = {
    "text": pa.string(),
    "text[]": pa.list_(pa.string()),
    "int": pa.int32(),
    "bigint": pa.int64(),
    "numeric": pa.decimal128(DECIMAL_PRECISION, DECIMAL_SCALE),
    "timestamptz": pa.timestamp("us", tz="UTC"),
    "date": pa.date32(),
    "boolean": pa.bool_(),
    "jsonb": pa.string(),
}


def arrow_schema(table: Table) -> pa.Schema:
    """Return the Arrow schema of a table, with its columns in the same order."""
    return pa.schema([pa.field(column.name, _ARROW_TYPES[column.type]) for column in table.columns])
