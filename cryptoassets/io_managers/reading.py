"""Reads ranges of PostgreSQL's tables, and refuses missing and expired ranges.

What goes here: the query and the two refusals. What stays out: writing (in `publishing`, `judged`)
and converting rows to the type that an asset requests (in `postgres`).
"""

from collections.abc import Iterator
from dataclasses import replace

import dagster as dg
import pyarrow as pa
import pyarrow.compute as pc
from psycopg import sql

from cryptoassets.errors import SchemaMismatchError, UpstreamNotMaterializedError
from cryptoassets.io_managers import address
from cryptoassets.partitions.spans import Span, partition_name
from cryptoassets.schemas import (
    ALTERNATIVE_INPUT,
    COLUMNS_OF_INPUT,
    FLOWS,
    MAY_BE_EMPTY,
    Table,
    flow_into,
)
from cryptoassets.stores import publishing
from cryptoassets.stores.copying import copy_batches
from cryptoassets.stores.expiry import refuse_expired
from cryptoassets.stores.ledger import is_any_published
from cryptoassets.stores.publishing import Cursor


def scope(table: Table, window: Span | None) -> sql.Composable:
    """The SQL condition for the rows that belong to a window.

    All rows belong to it if the window is None or if the table has no time column.
    """
    column = table.time_column
    if window is None or column is None:
        return sql.SQL("TRUE")
    start, end = window
    is_day = column.type == "date"
    return publishing.in_window(column.name, (start.date(), end.date()) if is_day else window)


def rows_of_day(table: Table, rows: pa.Table, window: Span) -> pa.Table:
    """Select the rows of one day by the table's time column; without such a column, all rows."""
    column = table.time_column
    if column is None:
        return rows
    days = rows[column.name].cast(pa.date32())
    return rows.filter(pc.equal(days, pa.scalar(window[0].date(), pa.date32())))


def columns_read(context: dg.InputContext) -> Table:
    """Return an input's table, limited to the columns that its metadata `columns` lists.

    Dagster's own IO managers use the same metadata key. Without it, an input has all columns.

    Raises:
        SchemaMismatchError: the metadata is not a list of columns of the table.
    """
    table = address.table_of(context.asset_key)
    names = context.definition_metadata.get(COLUMNS_OF_INPUT, table.column_names)
    if isinstance(names, str) or not names or not {*names} <= {*table.column_names}:
        message = (
            f"The metadata {COLUMNS_OF_INPUT!r} of an input must be a list of columns of "
            f"{table.full_name}, not {names!r}. A retry will not help; correct the input"
        )
        raise SchemaMismatchError(message)
    columns = tuple(column for column in table.columns if column.name in names)
    return replace(table, columns=columns)


def refuse_if_expired(cursor: Cursor, context: dg.InputContext) -> None:
    """Raise an error if retention deleted a part of an input's range.

    Raises:
        ExpiredPartitionError: names the first expired partition.
    """
    flow = flow_into(address.table_of(context.asset_key))
    if flow is not None:
        refuse_expired(cursor, flow.asset, context.asset_partition_keys)


def read_batches(
    cursor: Cursor, context: dg.InputContext, table: Table, uri: str
) -> Iterator[pa.RecordBatch]:
    """Read the rows of an input's range in batches, with columns in the table's order.

    Args:
        cursor: cursor in a REPEATABLE READ transaction.
        context: context of the input.
        table: the result of `columns_read`.
        uri: address of the database, for messages.

    Raises:
        UpstreamNotMaterializedError: the range is empty, and was not published as empty.
    """
    whole = address.table_of(context.asset_key)
    window = address.window_of(context) if context.has_asset_partitions else None
    query = sql.SQL("SELECT {} FROM {} WHERE {}").format(
        sql.SQL(", ").join(map(sql.Identifier, table.column_names)),
        sql.Identifier(table.schema, table.name),
        # The columns to read may lack the one that determines the partition.
        scope(whole, window),
    )
    is_empty = True
    for batch in copy_batches(cursor, table, query):
        is_empty = False
        yield batch
    may_be_empty = context.definition_metadata.get(MAY_BE_EMPTY, False)
    if is_empty and window is not None and not may_be_empty:
        _refuse_missing(cursor, context, window, uri)


def _refuse_missing(cursor: Cursor, context: dg.InputContext, window: Span, uri: str) -> None:
    """Refuse an empty range, unless it was published as empty."""
    asset = context.asset_key.to_user_string()
    either = [asset, context.definition_metadata.get(ALTERNATIVE_INPUT)]
    # An input may have an alternative; then one of the two is enough, and the message names both in
    # the same order, whichever of them is loaded first.
    wanted = [flow.asset for flow in FLOWS if flow.asset in either] or [asset]
    if flow_into(address.table_of(context.asset_key)) is None:
        is_there = _was_materialized(context)
    else:
        is_there = is_any_published(cursor, wanted, window)
    if not is_there:
        partition = partition_name(window)
        remedy = address.remedy(dg.AssetKey.from_user_string(wanted[0]), partition)
        message = f"{wanted[0]} has no rows for {partition} in {uri}. {remedy}"
        if len(wanted) > 1:
            message += f"; or fetch {wanted[1]}, which has no rows either: `cryptoassets backfill`"
        raise UpstreamNotMaterializedError(message)


def _was_materialized(context: dg.InputContext) -> bool:
    """Whether Dagster recorded a materialization of the input; a materialized mart may be empty."""
    wanted = dg.AssetRecordsFilter(
        asset_key=context.asset_key, asset_partitions=list(context.asset_partition_keys)
    )
    return bool(context.instance.fetch_materializations(wanted, limit=1).records)
