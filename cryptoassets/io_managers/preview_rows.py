"""A few published rows, for the materialization's page in Dagster.

What goes here: the query to PostgreSQL. What stays out: the chart (in `plots`) and the table of the
first rows (in `metadata`).
"""

from datetime import timedelta

import pyarrow as pa
from psycopg import sql

from cryptoassets.partitions.spans import Span
from cryptoassets.schemas import COIN_PRICES, MARKET_DAILY, Table
from cryptoassets.stores.copying import copy_out
from cryptoassets.stores.publishing import Cursor, in_window

_LARGEST_COINS = """
    coin_id IN (
        SELECT coin_id FROM {table} WHERE observed_at = (
            SELECT max(observed_at) FROM {table} WHERE {scope}
        ) ORDER BY rank LIMIT 5
    ) AND {scope} ORDER BY observed_at, rank
"""
_FIRST = "{scope} ORDER BY observed_at LIMIT 5"
_DAYS_BEFORE = timedelta(days=90)


def preview_rows(cursor: Cursor, table: Table, window: Span) -> pa.Table:
    """Read a limited number of a partition's rows, for a preview.

    Args:
        cursor: any cursor.
        table: a published table.
        window: the partition.

    Returns:
        Columns of the table, oldest rows first. For prices: all rows of the five coins that have
        the best ranks in the newest snapshot.
    """
    name = sql.Identifier(table.schema, table.name)
    condition = sql.SQL(_LARGEST_COINS if table is COIN_PRICES else _FIRST).format(
        table=name, scope=in_window("observed_at", window)
    )
    columns = sql.SQL(", ").join(map(sql.Identifier, table.column_names))
    query = sql.SQL("SELECT {} FROM {} WHERE {}").format(columns, name, condition)
    return copy_out(cursor, table, query)


def rows_to_draw(cursor: Cursor, table: Table, rows: pa.Table, day: Span) -> pa.Table:
    """The rows for a published day's chart; for the market, also those of the 90 days before it."""
    if table is not MARKET_DAILY:
        return rows
    columns = sql.SQL(", ").join(map(sql.Identifier, table.column_names))
    days = in_window("day", (day.start.date() - _DAYS_BEFORE, day.end.date()))
    query = sql.SQL("SELECT {} FROM marts.market_daily WHERE {}").format(columns, days)
    return copy_out(cursor, table, query)
