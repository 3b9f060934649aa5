"""Turns Arrow batches into a Spark DataFrame; many rows pass through a temporary Parquet file.

What goes here: passing rows from the driver's Arrow to Spark. What stays out: where the batches
come from.

`createDataFrame` holds all rows of an Arrow table in Python, and a second copy on the JVM's heap.
With a file, each of the two holds only one batch at a time. Executors on other machines can read
the file, because it is under `CLEAN_PATH`, like the cleaned Parquet. A few rows are passed
directly, which is faster than writing a file and running a job that reads it.
"""

from collections.abc import Iterable, Iterator
from itertools import islice

import pyarrow as pa
import pyarrow.parquet as pq
from pyspark.sql import DataFrame, SparkSession

from cryptoassets.resources.spark import MANY_ROWS
from cryptoassets.schemas import Table
from cryptoassets.schemas.arrow import arrow_schema
from cryptoassets.stores.clean_files import clean_store, scratch_folder, spark_uri


class TemporaryFrames:
    """DataFrames over temporary files; `clear` deletes the files at the end of the run.

    Attributes:
        rows: total number of rows of all DataFrames.
    """

    def __init__(self) -> None:
        self._folders: list[str] = []
        self.rows = 0

    def frame(
        self, session: SparkSession, table: Table, batches: Iterable[pa.RecordBatch]
    ) -> DataFrame:
        """Return the batches as a DataFrame, which reads them from a file unless they are few rows.

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
        self.rows = 0


def _one_by_one(
    head: list[pa.RecordBatch], rest: Iterator[pa.RecordBatch]
) -> Iterator[pa.RecordBatch]:
    """Yield batches without keeping references to them."""
    while head:
        yield head.pop(0)
    yield from rest
