"""Checks the conditions that judged rows must meet before they are published.

What goes here: counting violations in Arrow columns, and the messages about them. The blocking
checks and the PostgreSQL IO manager call the same functions. What stays out: reading the rows.
"""

from dataclasses import dataclass

import pyarrow as pa
import pyarrow.compute as pc

OUTCOMES = ("valid", "quarantined", "superseded")


@dataclass(frozen=True)
class Tally:
    """Number of a partition's rows per outcome; `other` must be zero."""

    raw: int
    valid: int
    quarantined: int
    superseded: int

    @property
    def other(self) -> int:
        """Number of rows with an unknown outcome."""
        return self.raw - self.valid - self.quarantined - self.superseded


def tally(judged: pa.Table) -> Tally:
    """Count rows per `outcome`."""
    counted = {
        entry["values"]: entry["counts"] for entry in pc.value_counts(judged["outcome"]).to_pylist()
    }
    return Tally(judged.num_rows, *(counted.get(name, 0) for name in OUTCOMES))


def column_problems(actual: pa.Schema, expected: pa.Schema) -> list[str]:
    """List columns that are missing, unexpected or of the wrong type; their order is ignored."""
    problems = [f"{name} is unexpected" for name in actual.names if name not in expected.names]
    for field in expected:
        if field.name not in actual.names:
            problems.append(f"{field.name} is missing")
        elif not _is_same_type(actual.field(field.name).type, field.type):
            problems.append(f"{field.name} is {actual.field(field.name).type}, not {field.type}")
    return problems


def _is_same_type(actual: pa.DataType, expected: pa.DataType) -> bool:
    if pa.types.is_list(actual) and pa.types.is_list(expected):
        # Writers differ in the name and the nullability that they give to list items.
        return bool(actual.value_type == expected.value_type)
    return bool(actual == expected)


def conservation_problems(judged: pa.Table) -> list[str]:
    """List violations of raw = valid + quarantined + superseded.

    A row must have one of the three outcomes, and must have reasons if and only if it is
    quarantined.

    Args:
        judged: columns `outcome` and `reasons`.
    """
    counted = tally(judged)
    # Without fill_null, the comparison for null `reasons` would be null, and the row would pass.
    has_reasons = pc.fill_null(pc.greater(pc.list_value_length(judged["reasons"]), 0), False)
    is_quarantined = pc.equal(judged["outcome"], "quarantined")
    unexplained = pc.sum(pc.xor(has_reasons, is_quarantined)).as_py() or 0
    problems = []
    if counted.other:
        problems.append(f"{counted.other} of {counted.raw} rows have no known outcome")
    if unexplained:
        problems.append(
            f"{unexplained} rows are quarantined without a reason, or have a reason but are not "
            "quarantined"
        )
    return problems


def key_problems(judged: pa.Table, key: tuple[str, ...]) -> list[str]:
    """List null and duplicate keys: `raw_id` of all rows, and `key` of valid rows.

    Args:
        judged: columns `raw_id`, `outcome` and those of `key`.
        key: the primary key of the table to which valid rows are published.
    """
    valid = judged.filter(pc.equal(judged["outcome"], "valid"))
    problems = []
    for rows, columns in ((judged, ("raw_id",)), (valid, key)):
        nulls = sum(rows[name].null_count for name in columns)
        if nulls:
            problems.append(f"{nulls} null values in {', '.join(columns)}")
        doubled = duplicate_keys(rows, columns)
        if doubled.num_rows:
            shown = doubled.slice(0, 3).to_pylist()
            problems.append(f"{doubled.num_rows} duplicate keys ({', '.join(columns)}): {shown}")
    return problems


def duplicate_keys(rows: pa.Table, key: tuple[str, ...]) -> pa.Table:
    """Return the keys that occur in more than one row."""
    counted = rows.select(key).group_by(list(key)).aggregate([([], "count_all")])
    return counted.filter(pc.greater(counted["count_all"], 1)).select(key)
