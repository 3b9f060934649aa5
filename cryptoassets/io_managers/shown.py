"""A few rows of what was published, for a person who looks at the materialization.

What goes here: the question to PostgreSQL. What stays out: the picture (in `plots`) and the table
of the first rows (in `metadata`).
"""

import pyarrow as pa
from psycopg import sql

from cryptoassets.io_managers.publishing import Cursor, in_window
from cryptoassets.partitions.spans import Span
from cryptoassets.schemas import COIN_PRICES, Table
from cryptoassets.stores.copying import copy_out

_LARGEST = """
    coin_id IN (
        SELECT coin_id FROM {table} WHERE observed_at = (
            SELECT max(observed_at) FROM {table} WHERE {scope}
        ) ORDER BY rank LIMIT 5
    ) AND {scope} ORDER BY observed_at, rank
"""
_FIRST = "{scope} ORDER BY observed_at LIMIT 5"


def shown_rows(cursor: Cursor, table: Table, window: Span) -> pa.Table:
    """Rows of a partition that are worth a look: few, however many it has.

    Args:
        cursor: any.
        table: a published one.
        window: the partition.

    Returns:
        Columns of the table, oldest first: of prices all rows of the coins that rank first in the
        newest snapshot.
    """
    name = sql.Identifier(table.schema, table.name)
    condition = sql.SQL(_LARGEST if table is COIN_PRICES else _FIRST).format(
        table=name, scope=in_window("observed_at", window)
    )
    columns = sql.SQL(", ").join(map(sql.Identifier, table.column_names))
    query = sql.SQL("SELECT {} FROM {} WHERE {}").format(columns, name, condition)
    return copy_out(cursor, table, query)
