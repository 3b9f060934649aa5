"""What a table is, as plain data: columns with types, a key, comments.

What goes here: the classes. What stays out: the tables themselves (in the neighbouring modules).
"""

from dataclasses import dataclass
from typing import Literal

ColumnType = Literal[
    "text", "text[]", "int", "bigint", "numeric", "timestamptz", "date", "boolean", "jsonb"
]

DECIMAL_PRECISION, DECIMAL_SCALE = 38, 18

_SPARK_TYPES: dict[ColumnType, str] = {
    "text": "STRING",
    "text[]": "ARRAY<STRING>",
    "int": "INT",
    "bigint": "BIGINT",
    "numeric": f"DECIMAL({DECIMAL_PRECISION},{DECIMAL_SCALE})",
    "timestamptz": "TIMESTAMP",
    "date": "DATE",
    "boolean": "BOOLEAN",
    "jsonb": "STRING",
}


@dataclass(frozen=True)
class Column:
    """One column; `comment` gives its meaning and unit."""

    name: str
    type: ColumnType
    comment: str
    is_nullable: bool = False


@dataclass(frozen=True)
class Table:
    """One table, view or DataFrame.

    Attributes:
        schema: the layer or the PostgreSQL schema.
        key: columns that identify a row; unique and never null.
        is_merged: the table has one row per key over all partitions, so a publication merges rows
            into it; else it replaces the rows of its partition.
    """

    schema: str
    name: str
    comment: str
    columns: tuple[Column, ...]
    key: tuple[str, ...]
    is_merged: bool = False

    @property
    def time_column(self) -> Column | None:
        """The time or day by which a row belongs to a partition; None: it belongs to none."""
        return next((one for one in self.columns if one.name in ("observed_at", "day")), None)

    @property
    def full_name(self) -> str:
        """`schema.name`."""
        return f"{self.schema}.{self.name}"

    @property
    def column_names(self) -> tuple[str, ...]:
        """Names in table order."""
        return tuple(column.name for column in self.columns)

    @property
    def spark_schema(self) -> str:
        """The schema as Spark DDL, in table order."""
        return ", ".join(f"{column.name} {_SPARK_TYPES[column.type]}" for column in self.columns)
