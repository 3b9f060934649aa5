"""Parquet written and read by Spark's tasks: the cleaned rows, one folder per partition.

What goes here: writing to a temporary folder and renaming it, so that a folder with `_SUCCESS` is
whole; handing it on as files or as DataFrame. What stays out: what lies in a folder (in
`clean_folders`), putting it there (in `clean_writing`), reading MongoDB (in `stores.raw`).
"""

import contextlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import dagster as dg
import pyarrow.dataset as ds
from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from cryptoassets.errors import StoreUnavailableError, UpstreamNotMaterializedError
from cryptoassets.io_managers import address, metadata, shapes
from cryptoassets.io_managers.clean_folders import (
    FilePart,
    View,
    damage,
    dataset_of,
    file_parts,
    files_of,
    folder_of,
    mark_whole,
    view_of,
)
from cryptoassets.io_managers.clean_marks import has_mark, read_mark
from cryptoassets.io_managers.clean_writing import (
    ATTEMPTS,
    add_files,
    delete_folder,
    facts_of,
    fill,
    is_older,
    refuse_mixed_views,
    refuse_shared_instants,
    replace_folder,
    take_files,
)
from cryptoassets.partitions.spans import Span, folder_name, partition_name, partitions_in
from cryptoassets.resources.clean_files import clean_store, scratch_folder, shared_path, spark_uri
from cryptoassets.resources.failures import TRIES_AGAIN, dagster_failures
from cryptoassets.resources.spark import SparkResource
from cryptoassets.resources.spark_errors import spark_errors
from cryptoassets.schemas import Table
from cryptoassets.stores.clean import CleanFile, CleanFiles, Seal
from cryptoassets.stores.mongodb import Fetches
from cryptoassets.stores.ranges import MOST_DOCUMENTS
from cryptoassets.stores.raw import MappedRaw, RawRanges
from cryptoassets.stores.writing import write_ranges

_STARTS = {"hour": "yyyy-MM-dd'T'HH", "day": "yyyy-MM-dd"}
"""What `spans.folder_name` says of a partition, as Spark spells it."""
_READINGS = 3


class SparkIOManager(dg.ConfigurableIOManager):
    """Keeps cleaned rows as Parquet under `CLEAN_PATH`; a write replaces its partition whole."""

    spark: dg.ResourceDependency[SparkResource]
    most_files: int = 64
    """Files, beyond those that so many rows need, from which a partition is made whole again: each
    reader opens them all."""

    def handle_output(self, context: dg.OutputContext, obj: DataFrame | MappedRaw) -> None:
        """Write partitions aside, then put them in the place of those before.

        Of raw documents as many are read as there are when they have been read: a partition only
        grows. Where today's rules have judged a partition and newer snapshots came, only those are
        read, and their file is added. A view with fewer rows than the one in its place is older and
        is dropped.

        Raises:
            dagster.Failure: SchemaMismatchError: a column is missing, extra or mistyped.
                StoreUnavailableError: documents came each time that they were read. Nothing was
                written.
        """
        with dagster_failures(tries_again=TRIES_AGAIN), spark_errors():
            table = address.table_of(context.asset_key)
            shapes.refuse_other_types(context.asset_key, obj, DataFrame, MappedRaw)
            if isinstance(obj, DataFrame):
                shapes.refuse_any_difference(context.asset_key, obj, table)
                self._store_frame(context, table, obj)
            else:
                self._store_mapped(context, table, obj)

    def _store_frame(self, context: dg.OutputContext, table: Table, frame: DataFrame) -> None:
        store, aside = scratch_folder(table.name)
        partitions = _partitions(context, table)
        unit = folder_name(partitions[0]).partition("=")[0]
        start = F.date_format("observed_at", _STARTS[unit])
        # One task per partition, or each would get a file of every task.
        apart = frame.withColumn(unit, start).repartition(unit)
        apart.write.mode("overwrite").partitionBy(unit).parquet(spark_uri(store, aside))
        self._keep(context, table, aside, partitions)

    def _store_mapped(self, context: dg.OutputContext, table: Table, mapped: MappedRaw) -> None:
        """Read and map documents until what was read is all there is; see `handle_output`.

        Raises:
            StoreUnavailableError: documents came each time.
        """
        store, aside = scratch_folder(table.name)
        partitions = _partitions(context, table)
        view = self._known(table, partitions)
        views = [*([view] if view else []), *[None] * _READINGS]
        rows = counted = 0
        for known in views:
            fetches = mapped.source.fetches()
            if known and known.judged_by != mapped.source.judged_by(fetches, known.newest):
                continue
            delete_folder(store, aside)
            store.create_dir(f"{aside}/{ATTEMPTS}")
            attempts = shared_path(store, f"{aside}/{ATTEMPTS}")
            newer_than = known.newest if known else None
            written = write_ranges(mapped, attempts, fetches, after=newer_than)
            take_files(store, aside, written)
            parts = [file_parts(store, f"{aside}/{folder_name(window)}") for window in partitions]
            rows = sum(part.rows for found in parts for part in found)
            # Who makes a partition again to which nothing came wants it made again.
            if known and rows == 0:
                continue
            rows += known.rows if known else 0
            counted = mapped.source.count()
            if rows != counted and len(partitions) > 1:
                counted = mapped.source.count_apart()
            if rows == counted:
                files = {file.name: file.seal for file in written}
                kept = Kept(mapped.source, fetches, counted, known, files)
                self._keep(context, table, aside, partitions, kept)
                return
        delete_folder(store, aside)
        message = (
            f"{context.asset_key.to_user_string()}: documents came while they were read, "
            f"{_READINGS} times: {rows:,} were read, there are {counted:,}. Nothing was written; "
            "a retry helps"
        )
        raise StoreUnavailableError(message)

    def _known(self, table: Table, partitions: list[Span]) -> View | None:
        """What there is of the run's only partition, if newer snapshots can be added to it."""
        view = view_of(table, partitions[0]) if len(partitions) == 1 else None
        if view is None or not view.newest or not view.judged_by:
            return None
        most = self.most_files + view.rows // MOST_DOCUMENTS
        return view if len(view.files) < most else None

    def _keep(
        self,
        context: dg.OutputContext,
        table: Table,
        aside: str,
        partitions: list[Span],
        kept: "Kept | None" = None,
    ) -> None:
        """Put partitions that were written aside in their places, but for those that are older."""
        store, _ = clean_store()
        for window in partitions:
            _, folder = folder_of(table, window)
            part = f"{aside}/{folder_name(window)}"
            parts = file_parts(store, part)
            refuse_shared_instants(parts, table, window)
            is_dropped = False
            judged_by = kept.judged_by(parts) if kept else None
            files = kept.files if kept else {}
            if kept and kept.known:
                add_files(store, part, folder, kept.known)
                files = {**read_mark(store, folder).files, **files}
                mark_whole(store, folder, table, judged_by=judged_by, files=files)
            else:
                fill(store, part, table)
                is_dropped = is_older(store, part, table, window) and (not kept or kept.has_grown())
                if is_dropped:
                    words = "%s holds a newer view with more rows: this one is dropped"
                    context.log.warning(words, folder)
                else:
                    mark_whole(store, part, table, judged_by=judged_by, files=files)
                    replace_folder(store, part, table, window)
            name = partition_name(window) if len(partitions) > 1 else None
            _report(context, table, folder, is_older=is_dropped, partition=name)
        # A task that was lost may be writing there yet; the next run sweeps what is left.
        with contextlib.suppress(OSError):
            delete_folder(store, aside)

    def load_input(self, context: dg.InputContext) -> CleanFiles | DataFrame:
        """Hand partitions on as their files, or as lazy DataFrame, by the asset's annotation.

        Raises:
            dagster.Failure: UpstreamNotMaterializedError: a folder is missing, not whole or
                damaged.
        """
        with dagster_failures(tries_again=TRIES_AGAIN), spark_errors():
            files = self._files(context)
            if context.dagster_type.typing_type is CleanFiles:
                return files
            # How many rows there are is not worth a look into every file.
            self.spark.prepare_for()
            folders = [spark_uri(*folder_of(files.table, window)) for window in files.partitions]
            return self.spark.session.read.schema(files.table.spark_schema).parquet(*folders)

    def _files(self, context: dg.InputContext) -> CleanFiles:
        table = address.table_of(context.asset_key)
        found: list[CleanFile] = []
        partitions = partitions_in(address.window_of(context), address.span_of(table))
        for window in partitions:
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
            files = files_of(store, folder, window)
            if len(files) > 1:
                refuse_mixed_views(file_parts(store, folder), folder)
            found += files
        return CleanFiles(table, tuple(partitions), tuple(found), self.spark.tasks)


@dataclass(frozen=True)
class Kept:
    """What is known of documents that were read and mapped.

    Attributes:
        source: the documents.
        fetches: what they were judged by.
        counted: how many there were.
        known: what there was before, to which newer rows are added; None: all were read.
        files: by name, what was written of them.
    """

    source: RawRanges
    fetches: Fetches
    counted: int
    known: View | None
    files: Mapping[str, Seal]

    def has_grown(self) -> bool:
        """Whether there are more documents now than were read: then a larger view is newer."""
        return self.source.count() > self.counted

    def judged_by(self, parts: Iterable[FilePart]) -> str:
        """What rows up to the newest of some files were judged by, see `View.judged_by`."""
        newest = max((part.last for part in parts if part.last), default=None)
        return self.source.judged_by(self.fetches, newest)


def _partitions(context: dg.OutputContext, table: Table) -> list[Span]:
    return partitions_in(address.window_of(context), address.span_of(table))


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
            **facts_of(kept).outcomes,
            "preview": metadata.preview(_shown(kept)),
        },
        partition=partition,
    )


def _shown(dataset: ds.Dataset) -> list[dict[str, object]]:
    names = [name for name in dataset.schema.names if name not in ("payload", "raw_id")]
    rows: list[dict[str, object]] = dataset.head(metadata.PREVIEW_ROWS, columns=names).to_pylist()
    return rows
