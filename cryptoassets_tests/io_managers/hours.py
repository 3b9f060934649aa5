"""An hour: its cleaned files, to which tests add snapshots, and its rows in PostgreSQL.

What goes here: adding, loading and publishing files. What stays out: the rows' values (in `rows`),
queries (in `warehouse`), and the fixtures that create hours (in `conftest`).
"""

from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4

import dagster as dg
import psycopg
import pyarrow as pa

from cryptoassets.io_managers.postgres import PostgresIOManager
from cryptoassets.io_managers.spark import SparkIOManager
from cryptoassets.partitions.policies import HOURLY
from cryptoassets.partitions.spans import partition_window
from cryptoassets.schemas import SNAPSHOT_FLOW
from cryptoassets.stores.additions import latest_publication
from cryptoassets.stores.checksums import clean_checksum, rows_checksum
from cryptoassets.stores.clean import CleanFiles, Seal
from cryptoassets.stores.clean_files import clean_store
from cryptoassets.stores.clean_folders import mark_complete
from cryptoassets.stores.clean_writing import delete_folder
from cryptoassets.stores.writing import write_file
from cryptoassets_tests.io_managers import warehouse
from cryptoassets_tests.io_managers.contexts import CLEAN, PRICES, write
from cryptoassets_tests.io_managers.rows import (
    HOUR,
    Row,
    broken_row,
    coin,
    judged,
    judged_row,
    start_of,
)

WINDOW = partition_window(HOUR)
TABLES = "warehouse.coin_prices, warehouse.quarantine, warehouse.loads"


def snapshot(minute: int, *kinds: str) -> pa.Table:
    """The judged rows of one snapshot, one coin per kind (an outcome or a reason code)."""
    rows = []
    for number, kind in enumerate(kinds):
        same: Row = {"observed_at": start_of(HOUR) + timedelta(minutes=minute)}
        same["raw_id"] = f"{minute}-{number}"
        is_outcome = kind in {"valid", "superseded"}
        row = judged_row(coin(number), outcome=kind, **same)
        rows.append(row if is_outcome else broken_row(coin(number), reasons=[kind], **same))
    return judged(*rows)


@dataclass
class Hour:
    """An hour: its cleaned files, and its rows in PostgreSQL.

    Attributes:
        spark: loads the files.
        postgres: publishes them.
        folder: the folder of the hour.
        files: the content of each file, by name.
        database: URL of PostgreSQL.
    """

    spark: SparkIOManager
    postgres: PostgresIOManager
    folder: Path
    files: dict[str, pa.Table]
    database: str

    def add(self, rows: pa.Table) -> None:
        """Add a file with newer rows, as `clean/coin_prices` does."""
        self.files[f"part-00000-{uuid4().hex}.parquet"] = rows
        self.folder.mkdir(parents=True, exist_ok=True)
        seals = {
            name: Seal(write_file(str(self.folder / name), content), clean_checksum(content))
            for name, content in self.files.items()
        }
        mark_complete(clean_store()[0], str(self.folder), SNAPSHOT_FLOW.clean, files=seals)

    def rewrite(self) -> None:
        """Write all rows to files with other names, as a rebuild of the hour does."""
        contents = list(self.files.values())
        self.clear()
        for rows in contents:
            self.add(rows)

    def clear(self) -> None:
        """Delete all files."""
        self.files.clear()
        delete_folder(clean_store()[0], str(self.folder))

    def load(self) -> CleanFiles:
        """Load the files as `warehouse/coin_prices` does."""
        with dg.build_input_context(
            asset_key=CLEAN,
            partition_key=HOUR,
            asset_partitions_def=HOURLY,
            dagster_type=dg.PythonObjectDagsterType(CleanFiles),
        ) as context:
            files = self.spark.load_input(context)
        assert isinstance(files, CleanFiles)
        return files

    def publish(self, files: CleanFiles | None = None, **to: PostgresIOManager) -> Any:
        """Publish the given files, by default all current ones; return the output context."""
        return write(to.get("to", self.postgres), PRICES, HOUR, files or self.load())

    def execute(self, statement: str) -> None:
        """Change the database as a user might do manually."""
        with psycopg.connect(self.database) as connection:
            connection.execute(statement)  # type: ignore[arg-type]

    def ask(self, query: str) -> list[tuple[Any, ...]]:
        """The rows that a query returns."""
        return warehouse.ask(self.database, query)

    def dump(self) -> dict[str, list[str]]:
        """All published rows, without columns that differ between runs."""
        return warehouse.dump(self.database)

    def checksums(self) -> tuple[str, str]:
        """The checksum in the ledger, and the one that `audit` computes from the rows."""
        with psycopg.connect(self.database) as connection:
            cursor = connection.cursor()
            kept = latest_publication(cursor, SNAPSHOT_FLOW.asset, HOUR).rows_checksum
            return str(kept), rows_checksum(cursor, SNAPSHOT_FLOW, WINDOW)
