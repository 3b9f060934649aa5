"""The result of a query, in the form that the user's tool needs.

What goes here: conversions. What stays out: reading (in `query`), files (in `export`).
"""

import importlib
from types import ModuleType
from typing import TYPE_CHECKING, Any

import pyarrow as pa

from cryptoassets.errors import ExtraMissingError
from cryptoassets.extras import how_to_install

if TYPE_CHECKING:
    import duckdb
    import pandas as pd
    import polars as pl


class Result:
    """Rows that were read at one moment.

    Amounts are decimals with 18 decimal places, exactly as stored. Times have the time zone UTC.
    """

    def __init__(self, table: pa.Table) -> None:
        self._table = table

    def __len__(self) -> int:
        rows: int = self._table.num_rows
        return rows

    def __repr__(self) -> str:
        return f"<{len(self):,} rows: {', '.join(self._table.column_names)}>"

    def arrow(self) -> pa.Table:
        """Return an Arrow table; NUMERIC is decimal128(38, 18)."""
        return self._table

    def pandas(self) -> "pd.DataFrame":
        """Return a pandas DataFrame whose columns keep their Arrow types."""
        import pandas as pd  # noqa: PLC0415 -- heavy

        return self._table.to_pandas(types_mapper=pd.ArrowDtype)

    def polars(self) -> "pl.DataFrame":
        """Return a polars DataFrame; NUMERIC is Decimal(38, 18).

        Raises:
            ExtraMissingError: polars is not installed.
        """
        frame: Any = extra_module("polars", extra="polars").from_arrow(self._table)
        typed: pl.DataFrame = frame
        return typed

    def duckdb(self) -> "duckdb.DuckDBPyRelation":
        """Return a DuckDB relation; query it with `.query("rows", "SELECT ... FROM rows")`.

        Raises:
            ExtraMissingError: DuckDB is not installed.
        """
        connection = extra_module("duckdb", extra="duckdb").connect()
        # DuckDB's default is the time zone of this machine.
        connection.execute("SET TimeZone = 'UTC'")
        relation: duckdb.DuckDBPyRelation = connection.from_arrow(self._table)
        return relation


def extra_module(name: str, *, extra: str) -> ModuleType:
    """Import a package that is only installed with one of the project's extras.

    Raises:
        ExtraMissingError: the package is not installed.
    """
    try:
        return importlib.import_module(name)
    except ModuleNotFoundError as error:
        if error.name != name:
            raise
        raise ExtraMissingError(
            f"The package {name} is not installed. It comes with the extra `{extra}`: "
            f"{how_to_install([extra])}"
        ) from error
