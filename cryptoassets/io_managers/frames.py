"""Arrow batches as a Spark DataFrame; more than a few rows by way of a passing Parquet file.

What goes here: the bridge from a driver's Arrow to Spark. What stays out: where batches come from.

`createDataFrame` of an Arrow table holds all rows in Python and once more on the JVM's heap. A file
beside the cleaned Parquet needs one batch at a time in either, and executors elsewhere can read
it, as they read `CLEAN_PATH`. A few rows are worth neither the file nor the job that reads it.
"""

from collections.abc import Iterable, Iterator
from itertools import islice

import pyarrow as pa
import pyarrow.parquet as pq
from pyspark.sql import DataFrame, SparkSession

from cryptoassets.resources.clean_files import clean_store, scratch_folder, spark_uri
from cryptoassets.resources.spark import MANY_ROWS
from cryptoassets.schemas import Table
from cryptoassets.schemas.arrow import arrow_schema


class PassingFrames:
    """DataFrames over passing files; `clear` deletes them when the run is over.

    Attributes:
        rows: of all of them.
    """

    def __init__(self) -> None:
        self._folders: list[str] = []
        self.rows = 0

    def frame(
        self, session: SparkSession, table: Table, batches: Iterable[pa.RecordBatch]
    ) -> DataFrame:
        """Write the batches, one at a time, and read them lazily; hand a few rows over as they are.

        Args:
            session: the session that reads.
            table: the columns of every batch.
            batches: may be empty.
        """
        rest = iter(batches)
        head = list(islice(rest, 2))
        if len(head) <= 1 and sum(batch.num_rows for batch in head) < MANY_ROWS:
            rows = pa.Table.from_batches(head, schema=arrow_schema(table))
            self.rows += rows.num_rows
            frame = session.createDataFrame(rows, schema=table.spark_schema)
            # In one partition, which Spark can group and sort without a shuffle.
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
        """Delete the files; the DataFrames over them are of no use afterwards."""
        store, _ = clean_store()
        while self._folders:
            store.delete_dir(self._folders.pop())
        self.rows = 0


def _one_by_one(
    head: list[pa.RecordBatch], rest: Iterator[pa.RecordBatch]
) -> Iterator[pa.RecordBatch]:
    """Give batches and forget them."""
    while head:
        yield head.pop(0)
    yield from rest
