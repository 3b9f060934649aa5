"""Turns Arrow batches into a Spark DataFrame; many rows pass through a temporary Parquet file.

What goes here: passing rows from the driver's Arrow to Spark. What stays out: where the batches
come from.

`createDataFrame` holds all rows of an Arrow table in Python, and a second copy on the JVM's heap.
With a file, Python and the JVM each hold only one batch at a time. Executors on other machines can
read the file, because it is under `CLEAN_PATH`, like the cleaned Parquet. A few rows are passed
directly, which is faster than writing a file and running a job that reads it.

Several marts of a run read the same prices. Rows are read again only if a publication has changed
them in the meantime.
"""

from collections.abc import Iterable, Iterator, Mapping
from itertools import islice
from typing import NamedTuple

import pyarrow as pa
import pyarrow.parquet as pq
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F

from cryptoassets.partitions.spans import Span
from cryptoassets.resources.spark import MANY_ROWS
from cryptoassets.schemas import Table
from cryptoassets.schemas.arrow import arrow_schema
from cryptoassets.stores.clean_files import clean_store, scratch_folder, spark_uri


class _Frame(NamedTuple):
    """A DataFrame, and the versions of its rows by asset and day (see `stores.mart_inputs`)."""

    table: Table
    window: Span
    versions: Mapping[str, int]
    rows: DataFrame


class TemporaryFrames:
    """DataFrames over temporary files; `clear` deletes the files at the end of the run.

    Attributes:
        rows: total number of rows of all DataFrames.
    """

    def __init__(self) -> None:
        self._folders: list[str] = []
        self._kept: list[_Frame] = []
        self.rows = 0

    def keep(
        self, table: Table, window: Span | None, versions: Mapping[str, int], rows: DataFrame
    ) -> None:
        """Let later steps of the run use a DataFrame, too.

        Args:
            table: describes the columns.
            window: the range that was read; without one, the DataFrame is not kept.
            versions: the version of the range on each of its days, as in `Inputs.numbers`.
            rows: all rows of the range.
        """
        if window is not None:
            self._kept.append(_Frame(table, window, versions, rows))

    def kept(
        self, table: Table, window: Span | None, versions: Mapping[str, int]
    ) -> DataFrame | None:
        """Return the rows of a range from a kept DataFrame, if it has them in these versions."""
        time = table.time_column
        if time is None or window is None or not versions:
            return None
        for frame in self._kept:
            has_range = frame.window.start <= window.start and window.end <= frame.window.end
            if has_range and frame.table == table and versions.items() <= frame.versions.items():
                at = F.col(time.name)
                return frame.rows.where((at >= window.start) & (at < window.end))
        return None

    def frame(
        self, session: SparkSession, table: Table, batches: Iterable[pa.RecordBatch]
    ) -> DataFrame:
        """Return the batches as a DataFrame, which reads them from a file if there are many rows.

        Args:
            session: the Spark session that reads.
            table: describes the columns of every batch.
            batches: the rows; may be empty.
        """
        rest = iter(batches)
        head = list(islice(rest, 2))
        if len(head) <= 1 and sum(batch.num_rows for batch in head) < MANY_ROWS:
            rows = pa.Table.from_batches(head, schema=arrow_schema(table))
            self.rows += rows.num_rows
            frame = session.createDataFrame(rows, schema=table.spark_schema)
            # Spark can group and sort a single partition without a shuffle.
            return frame.coalesce(1) if rows.num_rows else frame
        store, folder = scratch_folder(table.name)
        store.create_dir(folder, recursive=True)
        self._folders.append(folder)
        with pq.ParquetWriter(
            f"{folder}/rows.parquet", arrow_schema(table), filesystem=store
        ) as writer:
            for batch in _one_by_one(head, rest):
                writer.write_batch(batch)
                self.rows += batch.num_rows
        return session.read.schema(table.spark_schema).parquet(spark_uri(store, folder))

    def clear(self) -> None:
        """Delete the files; the DataFrames cannot be used afterwards."""
        store, _ = clean_store()
        while self._folders:
            store.delete_dir(self._folders.pop())
        self._kept.clear()
        self.rows = 0


def _one_by_one(
    head: list[pa.RecordBatch], rest: Iterator[pa.RecordBatch]
) -> Iterator[pa.RecordBatch]:
    """Yield batches without keeping references to them."""
    while head:
        yield head.pop(0)
    yield from rest
