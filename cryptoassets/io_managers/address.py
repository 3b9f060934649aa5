"""Asset key and partition to place: collection, folder, table, time range.

What goes here: names and ranges, without a connection. What stays out: reading and writing.
"""

from datetime import UTC, datetime, timedelta

import dagster as dg
import pyarrow as pa

from cryptoassets import schemas
from cryptoassets.schemas import Table

_TABLES = {
    table.full_name: table
    for table in (schemas.RAW_COIN_SNAPSHOTS, schemas.CLEAN_COIN_PRICES, *schemas.POSTGRES_TABLES)
}

_ARROW_TYPES: dict[schemas.ColumnType, pa.DataType] = {
    "text": pa.string(),
    "text[]": pa.list_(pa.string()),
    "int": pa.int32(),
    "bigint": pa.int64(),
    "numeric": pa.decimal128(schemas.DECIMAL_PRECISION, schemas.DECIMAL_SCALE),
    "timestamptz": pa.timestamp("us", tz="UTC"),
    "date": pa.date32(),
    "boolean": pa.bool_(),
}

Window = tuple[datetime, datetime]
"""Start (included) and end (excluded), UTC."""


def table_of(key: dg.AssetKey) -> Table:
    """The schema of an asset's rows.

    Raises:
        KeyError: the asset has no table in `schemas`.
    """
    return _TABLES[".".join(key.path)]


def arrow_schema(table: Table) -> pa.Schema:
    """The Arrow schema of a table, in table order."""
    return pa.schema([pa.field(column.name, _ARROW_TYPES[column.type]) for column in table.columns])


def window_of(context: dg.InputContext | dg.OutputContext) -> Window:
    """The UTC time range of the partitions that a context writes or reads."""
    window = context.asset_partitions_time_window
    return window.start.astimezone(UTC), window.end.astimezone(UTC)


def partition_name(window: Window) -> str:
    """Dagster's key of a one-hour or one-day window, or `start..end` of a longer one."""
    start, end = window
    if end - start == timedelta(hours=1):
        return start.strftime("%Y-%m-%d-%H:00")
    if end - start == timedelta(days=1):
        return start.strftime("%Y-%m-%d")
    return f"{start:%Y-%m-%dT%H:%M}..{end:%Y-%m-%dT%H:%M}"


def folder_name(window: Window) -> str:
    """The Parquet folder of a partition; no colon, which Spark reads as a URI scheme."""
    start, end = window
    if end - start == timedelta(hours=1):
        return start.strftime("hour=%Y-%m-%dT%H")
    return start.strftime("day=%Y-%m-%d")


def remedy(key: dg.AssetKey, partition: str) -> str:
    """How to get a missing partition, for an error message."""
    return (
        f"A retry will not help; first materialize {key.to_user_string()} for {partition} "
        "(Dagster UI, or `cryptoassets run` for the current hour)"
    )
