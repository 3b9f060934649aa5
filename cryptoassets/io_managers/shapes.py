"""Refuses values of a wrong type or with wrong columns before anything is written.

What goes here: checking the type and the columns of an asset's return value. What stays out:
checking values (in `transforms.rules`), and keys and counts (in `transforms.contract`).
"""

from collections.abc import Iterable

import dagster as dg
import pyarrow as pa
from pyspark.sql import DataFrame

from cryptoassets.errors import SchemaMismatchError
from cryptoassets.schemas import Table
from cryptoassets.schemas.arrow import arrow_schema


def refuse_other_types(key: dg.AssetKey, value: object, *allowed: type) -> None:
    """Raise unless the value is an instance of one of the types.

    Raises:
        SchemaMismatchError: names the asset, the allowed types and the value's type.
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
    """Raise unless rows have the named columns, with the table's types; ignore other columns.

    Raises:
        SchemaMismatchError: names the asset and the columns.
    """
    if isinstance(rows, pa.Table):
        expected = {field.name: field.type for field in arrow_schema(table)}
        actual = {field.name: field.type for field in rows.schema}
    else:
        expected, actual = dict(_declared_types(table)), dict(_actual_types(rows))
    wrong = [name for name in names if actual.get(name) != expected[name]]
    if wrong:
        message = (
            f"{key.to_user_string()} must have the columns of {table.full_name} with its types; "
            f"missing or mistyped: {', '.join(wrong)}. Nothing was written; a retry will not help"
        )
        raise SchemaMismatchError(message)


def refuse_any_difference(key: dg.AssetKey, frame: DataFrame, table: Table) -> None:
    """Raise unless a frame has exactly a table's columns, in the same order, with the same types.

    Raises:
        SchemaMismatchError: names the asset and the columns.
    """
    expected, actual = _declared_types(table), _actual_types(frame)
    if expected != actual:
        wrong = sorted({name for name, _ in set(expected) ^ set(actual)})
        message = (
            f"{key.to_user_string()} must have the columns of schemas.{table.name.upper()} in that "
            f"order; they differ at: {', '.join(wrong) or 'their order'}. A retry will not help"
        )
        raise SchemaMismatchError(message)


def _declared_types(table: Table) -> list[tuple[str, str]]:
    columns = (column.partition(" ") for column in table.spark_schema.split(", "))
    return [(name, kind) for name, _, kind in columns]


def _actual_types(frame: DataFrame) -> list[tuple[str, str]]:
    return [(field.name, field.dataType.simpleString().upper()) for field in frame.schema.fields]
