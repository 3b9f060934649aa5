"""The classes that describe a table: its key, and its columns with types and comments.

What goes here: these classes. What stays out: the tables themselves (in the other modules).
"""

from dataclasses import dataclass
from typing import Literal

ColumnType = Literal[
    "text", "text[]", "int", "bigint", "numeric", "timestamptz", "date", "boolean", "jsonb"
]

DECIMAL_PRECISION, DECIMAL_SCALE = 38, 18
_TIME_COLUMNS = ("observed_at", "day", "start_at")

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
        schema: the PostgreSQL schema; for raw and cleaned tables, `raw` or `clean`.
        key: columns that identify a row; unique and never null.
        is_merged: whether publishing merges rows into the table, because a key has only one row
            across all partitions. Otherwise publishing replaces the rows of a partition.
    """

    schema: str
    name: str
    comment: str
    columns: tuple[Column, ...]
    key: tuple[str, ...]
    is_merged: bool = False

    @property
    def time_column(self) -> Column | None:
        """The column that determines a row's partition; None if the table is not partitioned."""
        return next((one for one in self.columns if one.name in _TIME_COLUMNS), None)

    @property
    def full_name(self) -> str:
        """`schema.name`."""
        return f"{self.schema}.{self.name}"

    @property
    def column_names(self) -> tuple[str, ...]:
        """Names of the columns, in table order."""
        return tuple(column.name for column in self.columns)

    @property
    def spark_schema(self) -> str:
        """The schema as Spark DDL, in table order."""
        return ", ".join(f"{column.name} {_SPARK_TYPES[column.type]}" for column in self.columns)
