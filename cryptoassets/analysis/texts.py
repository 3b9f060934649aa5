"""Converts values to strings, without loss, for people and other programs.

What goes here: the string form of each type, and protection from strings that a spreadsheet would
treat as formulas. What stays out: writing the strings (in `export` and in the command line).
"""

from collections.abc import Iterable
from datetime import tzinfo

import pyarrow as pa
import pyarrow.compute as pc

_FORMULA_STARTS = ("=", "+", "-", "@")


def with_zone(schema: pa.Schema, zone: tzinfo) -> pa.Schema:
    """Return the schema with times in a time zone; the moments stay the same."""
    kind = pa.timestamp("us", tz=str(zone))
    return pa.schema(
        [pa.field(field.name, kind if _is_moment(field.type) else field.type) for field in schema]
    )


def as_texts(batch: pa.RecordBatch, zone: tzinfo) -> pa.RecordBatch:
    """Convert times to ISO strings with their UTC offset, and lists to comma-separated strings."""
    columns = []
    for column in batch.columns:
        if _is_moment(column.type):
            columns.append(_moments_as_texts(column, zone))
        elif pa.types.is_list(column.type):
            columns.append(pc.binary_join(column, ", "))
        else:
            columns.append(column)
    return pa.RecordBatch.from_arrays(columns, names=batch.schema.names)


def without_formulas(batch: pa.RecordBatch, amounts: Iterable[str]) -> tuple[pa.RecordBatch, int]:
    """Put an apostrophe before strings that a spreadsheet would treat as formulas.

    Args:
        batch: any rows; a coin's name is chosen by its creator, so it may be `=HYPERLINK(...)`.
        amounts: columns whose strings are numbers; they may begin with a minus sign, and are not
            changed.

    Returns:
        The batch, and the number of changed cells.
    """
    columns, changed = [], 0
    for name, column in zip(batch.schema.names, batch.columns, strict=True):
        escaped = column
        if pa.types.is_string(column.type) and name not in amounts:
            is_formula = pc.is_in(
                pc.utf8_slice_codeunits(column, 0, 1), value_set=pa.array(_FORMULA_STARTS)
            )
            marked = pc.binary_join_element_wise("'", column, "")
            escaped = pc.if_else(is_formula, marked, column)
            changed += pc.sum(is_formula).as_py() or 0
        columns.append(escaped)
    return pa.RecordBatch.from_arrays(columns, names=batch.schema.names), changed


def _is_moment(kind: pa.DataType) -> bool:
    return pa.types.is_timestamp(kind) and kind.tz is not None


def _moments_as_texts(column: pa.Array, zone: tzinfo) -> pa.Array:
    # Each distinct time is formatted once, because formatting is slow.
    encoded = column.cast(pa.timestamp("us", tz=str(zone))).dictionary_encode()
    texts = pc.strftime(encoded.dictionary, format="%Y-%m-%dT%H:%M:%S%z")
    with_colon = pc.replace_substring_regex(texts, r"(\d{2})$", r":\1")
    return with_colon.take(encoded.indices)
