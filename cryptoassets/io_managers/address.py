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
    for table in (
        *(table for flow in schemas.FLOWS for table in (flow.raw, flow.clean)),
        *schemas.POSTGRES_TABLES,
    )
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
    "jsonb": pa.string(),
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


def span_of(table: Table) -> timedelta:
    """Length of a partition of a flow's table."""
    return next(f.span for f in schemas.FLOWS if table in (f.raw, f.clean, f.published))


def partition_around(moment: datetime, span: timedelta) -> Window:
    """The partition of one hour, or one day, that a moment lies in."""
    start = moment - (moment - datetime(1970, 1, 1, tzinfo=UTC)) % span
    return start, start + span


def partitions_in(window: Window, span: timedelta) -> list[Window]:
    """The partitions of one hour, or one day, that a range consists of, oldest first."""
    start, end = window
    return [(start + n * span, start + (n + 1) * span) for n in range((end - start) // span)]


def partition_window(name: str) -> Window:
    """The time range of an hour or a day by Dagster's key; `partition_name` is the inverse.

    Raises:
        ValueError: not such a key.
    """
    if ":" in name:
        start = datetime.strptime(f"{name}Z", "%Y-%m-%d-%H:00%z")
        return start, start + timedelta(hours=1)
    start = datetime.strptime(f"{name}Z", "%Y-%m-%d%z")
    return start, start + timedelta(days=1)


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


def folder_window(name: str) -> Window | None:
    """The partition of a Parquet folder, by its name; None: it is none of ours."""
    unit, _, start = name.partition("=")
    forms = {"hour": ("%Y-%m-%dT%H", timedelta(hours=1)), "day": ("%Y-%m-%d", timedelta(days=1))}
    try:
        form, span = forms[unit]
        first = datetime.strptime(start, form).replace(tzinfo=UTC)
    except (KeyError, ValueError):
        return None
    return first, first + span


def remedy(key: dg.AssetKey, partition: str) -> str:
    """How to get a missing partition, for an error message."""
    history = schemas.HISTORY_FLOW
    is_history = table_of(key) in (history.raw, history.clean, history.published)
    command = f"`cryptoassets {'backfill' if is_history else 'run'}`"
    command += "" if is_history else " for the current hour"
    return (
        f"A retry will not help; first materialize {key.to_user_string()} for {partition} "
        f"(Dagster UI, or {command})"
    )
