"""Compares published rows, value by value, with the cleaned rows from which they were copied.

What goes here: reading the rows of both kinds, and naming the columns that differ. What stays out:
missing and surplus rows (in `checks.places`).
"""

from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.dataset as ds
from psycopg import sql

from cryptoassets.partitions.spans import Span
from cryptoassets.resources.postgres import PostgresResource
from cryptoassets.schemas import Flow, Table
from cryptoassets.schemas.arrow import arrow_schema
from cryptoassets.stores.copying import copy_out
from cryptoassets.stores.publishing import in_window
from cryptoassets.transforms.reconciliation import stored_id

_SHOWN = 3


def changed_values(
    postgres: PostgresResource, flow: Flow, judged: ds.Dataset | None, window: Span
) -> list[str]:
    """List the columns in which published rows of a partition differ from its cleaned rows.

    Args:
        postgres: the warehouse.
        flow: the kind of document.
        judged: the cleaned partition; None if it does not exist, and then nothing is compared.
        window: the partition.

    Returns:
        One sentence per column that differs. Rows that exist on one side only are ignored.
    """
    if judged is None:
        return []
    return differences(
        _published_rows(postgres, flow.published, window), _valid_rows(judged, flow.published)
    )


def differences(published: pa.Table, valid: pa.Table) -> list[str]:
    """Compare rows with the same `raw_id`, column by column.

    Args:
        published: rows of the table, in any order.
        valid: cleaned rows with the same columns and types, in any order.
    """
    place = pc.index_in(published["raw_id"], value_set=valid["raw_id"].combine_chunks())
    in_both = published.filter(pc.is_valid(place))
    cleaned = valid.take(place.drop_null())
    found = []
    for name in in_both.column_names:
        ids = in_both["raw_id"].filter(_differ(in_both[name], cleaned[name])).to_pylist()
        if ids:
            shown = ", ".join(sorted(ids)[:_SHOWN])
            found.append(
                f"{name} differs from the cleaned rows in {len(ids)} of {in_both.num_rows} rows of "
                f"the table ({shown})"
            )
    return found


def _differ(one: pa.ChunkedArray, other: pa.ChunkedArray) -> Any:
    changed = pc.fill_null(pc.not_equal(one, other), fill_value=False)
    return pc.or_(changed, pc.xor(pc.is_null(one), pc.is_null(other)))


def _published_rows(postgres: PostgresResource, table: Table, window: Span) -> pa.Table:
    query = sql.SQL("SELECT {} FROM {} WHERE {}").format(
        sql.SQL(", ").join(map(sql.Identifier, table.column_names)),
        sql.Identifier(table.schema, table.name),
        in_window("observed_at", window),
    )
    with postgres.connect() as connection, connection.cursor() as cursor:
        return copy_out(cursor, table, query)


def _valid_rows(judged: ds.Dataset, table: Table) -> pa.Table:
    schema = arrow_schema(table)
    rows = judged.to_table(columns=schema.names, filter=ds.field("outcome") == "valid").cast(schema)
    ids = pa.array([stored_id(raw_id) for raw_id in rows["raw_id"].to_pylist()], pa.string())
    return rows.set_column(schema.get_field_index("raw_id"), "raw_id", ids)
