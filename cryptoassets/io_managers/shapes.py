"""Refuse what is not an asset's rows, before anything is written.

What goes here: the type and the columns of what an asset returned. What stays out: what the values
mean (in `transforms.rules`), keys and counts (in `transforms.contract`).
"""

from collections.abc import Iterable

import dagster as dg
import pyarrow as pa
from pyspark.sql import DataFrame

from cryptoassets.errors import SchemaMismatchError
from cryptoassets.io_managers import address
from cryptoassets.schemas import Table


def refuse_other_types(key: dg.AssetKey, value: object, *allowed: type) -> None:
    """Raise unless the value is an instance of one of the types.

    Raises:
        SchemaMismatchError: names the asset and both types.
    """
    if not isinstance(value, allowed):
        names = " or ".join(
            f"{kind.__module__.partition('.')[0]}.{kind.__name__}" for kind in allowed
        )
        message = (
            f"{key.to_user_string()} must return {names}, not {type(value).__name__}. "
            "Nothing was written; a retry will not help"
        )
        raise SchemaMismatchError(message)


def refuse_other_columns(
    key: dg.AssetKey, rows: DataFrame | pa.Table, table: Table, names: Iterable[str]
) -> None:
    """Raise unless rows have these columns of a table with its types; others are passed over.

    Raises:
        SchemaMismatchError: names the asset and the columns.
    """
    if isinstance(rows, pa.Table):
        expected = {field.name: field.type for field in address.arrow_schema(table)}
        actual = {field.name: field.type for field in rows.schema}
    else:
        expected = dict(column.split(" ") for column in table.spark_schema.split(", "))
        actual = {field.name: field.dataType.simpleString().upper() for field in rows.schema.fields}
    wrong = [name for name in names if actual.get(name) != expected[name]]
    if wrong:
        message = (
            f"{key.to_user_string()} must have the columns of {table.full_name} with its types; "
            f"missing or mistyped: {', '.join(wrong)}. Nothing was written; a retry will not help"
        )
        raise SchemaMismatchError(message)
