"""Parquet written and read by Spark: the cleaned DataFrames, one folder a partition.

What goes here: writing to a temporary folder and renaming it, so that a folder with `_SUCCESS` is
whole; reading it back as DataFrame. What stays out: what lies in a folder (in `clean_folders`).
"""

import dagster as dg
import pyarrow.compute as pc
import pyarrow.dataset as ds
import pyarrow.parquet as pq
from pyarrow import fs
from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from cryptoassets.errors import (
    MixedSourcesError,
    PartitionChangedError,
    UpstreamNotMaterializedError,
)
from cryptoassets.io_managers import address, metadata, shapes
from cryptoassets.io_managers.arrivals import add_files, refuse_change
from cryptoassets.io_managers.clean_folders import (
    clean_rows,
    damage,
    dataset_of,
    folder_of,
    has_mark,
    mark_whole,
    parquet_files,
    unmark,
)
from cryptoassets.io_managers.warm import Reading, WarmHours
from cryptoassets.partitions.spans import Span, folder_name, partition_name, partitions_in
from cryptoassets.resources.clean_files import SCRATCH, clean_store, spark_uri
from cryptoassets.resources.failures import TRIES_AGAIN, dagster_failures
from cryptoassets.resources.spark import SparkResource
from cryptoassets.resources.spark_errors import spark_errors
from cryptoassets.schemas import CLEAN_COIN_PRICES, Table
from cryptoassets.schemas.arrow import arrow_schema

_STARTS = {"hour": "yyyy-MM-dd'T'HH", "day": "yyyy-MM-dd"}
"""What `folder_name` says of a partition, as Spark spells it."""


class SparkIOManager(dg.ConfigurableIOManager):
    """Keeps a DataFrame as Parquet under `CLEAN_PATH`; a write replaces its partition whole."""

    spark: dg.ResourceDependency[SparkResource]
    warm: dg.ResourceDependency[WarmHours | None] = None  # type: ignore[assignment]
    most_files: int = 64
    """Files of a partition from which a warm process joins them: each reader opens them all."""

    def handle_output(self, context: dg.OutputContext, obj: DataFrame) -> None:
        """Write a partition aside, then put it in the place of the one before.

        A partition only grows, as raw does: a view that lacks rows of the one that is there, and
        has none of its own, is older and is dropped.

        Raises:
            dagster.Failure: SchemaMismatchError: a column is missing, extra or mistyped; nothing
                was written.
        """
        with dagster_failures(tries_again=TRIES_AGAIN), spark_errors():
            self._store(context, obj)

    def _store(self, context: dg.OutputContext, obj: DataFrame) -> None:
        table = address.table_of(context.asset_key)
        shapes.refuse_other_types(context.asset_key, obj, DataFrame)
        shapes.refuse_any_difference(context.asset_key, obj, table)
        store, root = clean_store()
        aside = f"{root}/{SCRATCH}/{context.run_id}-{table.name}"
        partitions = partitions_in(address.window_of(context), address.span_of(table))
        if len(partitions) == 1:
            self._store_one(context, table, partitions[0], aside, obj)
            return
        _write_apart(obj, store, aside, partitions[0])
        for window in partitions:
            part = f"{aside}/{folder_name(window)}"
            _fill(store, part, table)
            name = partition_name(window)
            self._keep(context, table, window, part, partition=name)
        store.delete_dir(aside)

    def _store_one(
        self,
        context: dg.OutputContext,
        table: Table,
        window: Span,
        aside: str,
        obj: DataFrame,
    ) -> None:
        """Write one partition; in a warm process add what came to what it has written itself."""
        store, folder = folder_of(table, window)
        reading = self.warm.take_reading(window) if self.warm else None
        if self.warm is None or reading is None or reading.base is None:
            obj.write.mode("overwrite").parquet(spark_uri(store, aside))
            # Named before the move: what is there after it may be another run's already.
            files = parquet_files(store, aside)
            is_kept = self._keep(context, table, window, aside, partition=None)
            if self.warm and reading and is_kept:
                self.warm.wrote(window, reading.view, files)
            return
        try:
            files = self._add(obj, table, aside, window, reading)
        except PartitionChangedError:
            self.warm.forget(window)
            raise
        self.warm.wrote(window, reading.view, files)
        _report(context, table, folder, is_older=False, partition=None)

    def _keep(
        self,
        context: dg.OutputContext,
        table: Table,
        window: Span,
        aside: str,
        *,
        partition: str | None,
    ) -> bool:
        """Put a partition that was written aside in its place, unless it is older than it."""
        store, folder = folder_of(table, window)
        is_older = _is_older(dataset_of(store, aside), table, window)
        if is_older:
            context.log.warning("%s holds a newer view with more rows: this one is dropped", folder)
            store.delete_dir(aside)
        else:
            _replace(aside, table, window)
        _report(context, table, folder, is_older=is_older, partition=partition)
        return not is_older

    def _add(
        self, obj: DataFrame, table: Table, aside: str, window: Span, reading: Reading
    ) -> frozenset[str]:
        """Add rows to those that this process has written; return the files that are there then."""
        store, folder = folder_of(table, window)
        base = reading.base
        if base is None or reading.view.documents == base.view.documents:
            return base.files if base else frozenset()
        if len(base.files) < self.most_files:
            obj.coalesce(1).write.mode("overwrite").parquet(spark_uri(store, aside))
            return add_files(store, aside, folder, base)
        refuse_change(store, folder, base.files)
        carried = self.spark.session.read.schema(CLEAN_COIN_PRICES.spark_schema)
        rows = carried.parquet(spark_uri(store, folder)).unionByName(obj)
        rows.coalesce(1).write.mode("overwrite").parquet(spark_uri(store, aside))
        refuse_change(store, folder, base.files)
        files = parquet_files(store, aside)
        _replace(aside, table, window)
        return files

    def load_input(self, context: dg.InputContext) -> DataFrame:
        """Read partitions, lazily.

        Raises:
            dagster.Failure: UpstreamNotMaterializedError: a folder is missing, not whole or
                damaged.
        """
        with dagster_failures(tries_again=TRIES_AGAIN), spark_errors():
            return self._load(context)

    def _load(self, context: dg.InputContext) -> DataFrame:
        table = address.table_of(context.asset_key)
        folders = []
        for window in partitions_in(address.window_of(context), address.span_of(table)):
            store, folder = folder_of(table, window)
            partition = partition_name(window)
            why = damage(store, folder)
            if why or not has_mark(store, folder):
                message = (
                    f"{context.asset_key.to_user_string()} has no partition {partition!r} at "
                    f"{spark_uri(store, folder)}{f' that can be read ({why})' if why else ''}. "
                    f"{address.remedy(context.asset_key, partition)}"
                )
                raise UpstreamNotMaterializedError(message)
            folders.append(spark_uri(store, folder))
        return self.spark.session.read.schema(table.spark_schema).parquet(*folders)


def _write_apart(obj: DataFrame, store: fs.FileSystem, aside: str, example: Span) -> None:
    """Write rows of several partitions aside, into a folder each, named as that of an example."""
    unit = folder_name(example).partition("=")[0]
    start = F.date_format("observed_at", _STARTS[unit])
    # One task a partition, or each would get a file of every task.
    apart = obj.withColumn(unit, start).repartition(unit)
    apart.write.mode("overwrite").partitionBy(unit).parquet(spark_uri(store, aside))


def _fill(store: fs.FileSystem, folder: str, table: Table) -> None:
    """Give a partition without rows a file without rows."""
    if store.get_file_info(folder).type == fs.FileType.NotFound:
        store.create_dir(folder)
        schema = arrow_schema(table)
        pq.write_table(schema.empty_table(), f"{folder}/part-0.parquet", filesystem=store)


def clean_bytes(table: Table, window: Span) -> int:
    """Bytes of a partition's Parquet, whole or not."""
    store, folder = folder_of(table, window)
    if store.get_file_info(folder).type != fs.FileType.Directory:
        return 0
    selector = fs.FileSelector(folder, allow_not_found=True, recursive=True)
    return sum(entry.size or 0 for entry in store.get_file_info(selector))


def delete_clean(table: Table, window: Span) -> None:
    """Delete a partition's Parquet, if there is any."""
    _delete(*folder_of(table, window))


def _report(
    context: dg.OutputContext, table: Table, folder: str, *, is_older: bool, partition: str | None
) -> None:
    store, _ = clean_store()
    kept = dataset_of(store, folder)
    metadata.report(
        context,
        table,
        uri=spark_uri(store, folder),
        partition_rows=kept.count_rows(),
        facts={
            "is older view": is_older,
            **_outcomes(kept),
            "preview": metadata.preview(_shown(kept)),
        },
        partition=partition,
    )


def _is_older(coming: ds.Dataset, table: Table, window: Span) -> bool:
    """Whether a view knows nothing that the one in its place does not know, and less.

    One that cannot be read is ignored.

    Raises:
        MixedSourcesError: one is of real data and the other is not.
    """
    columns = ["raw_id", "source"]
    there_rows = clean_rows(table, window, columns)
    if there_rows is None:
        return False
    coming_rows = coming.to_table(columns=columns)
    sources = [set(pc.unique(rows["source"]).to_pylist()) for rows in (there_rows, coming_rows)]
    if all(sources) and ("coincap" in sources[0]) != ("coincap" in sources[1]):
        _, folder = folder_of(table, window)
        message = (
            f"{folder} holds data of source {', '.join(sorted(sources[0]))}; data of "
            f"{', '.join(sorted(sources[1]))} would take its place. A retry will not help; set "
            "CLEAN_PATH to a folder of its own for each source, or leave it out (the embedded "
            "stores are kept apart)"
        )
        raise MixedSourcesError(message)
    known = set(there_rows["raw_id"].to_pylist())
    return coming_rows.num_rows < len(known) and known.issuperset(coming_rows["raw_id"].to_pylist())


def _delete(store: fs.FileSystem, folder: str) -> None:
    kind = store.get_file_info(folder).type
    if kind == fs.FileType.File:
        store.delete_file(folder)
    elif kind != fs.FileType.NotFound:
        # The mark first: a reader in between sees a missing partition, not half of one.
        unmark(store, folder)
        store.delete_dir(folder)


def _replace(aside: str, table: Table, window: Span) -> None:
    store, folder = folder_of(table, window)
    mark_whole(store, aside, table)
    _delete(store, folder)
    store.create_dir(folder.rpartition("/")[0], recursive=True)
    store.move(aside, folder)


def _outcomes(dataset: ds.Dataset) -> dict[str, int]:
    if "outcome" not in dataset.schema.names:
        return {}
    outcomes = dataset.to_table(columns=["outcome"])["outcome"].to_pylist()
    return {name: outcomes.count(name) for name in ("valid", "quarantined", "superseded")}


def _shown(dataset: ds.Dataset) -> list[dict[str, object]]:
    names = [name for name in dataset.schema.names if name not in ("payload", "raw_id")]
    rows: list[dict[str, object]] = dataset.head(metadata.PREVIEW_ROWS, columns=names).to_pylist()
    return rows
