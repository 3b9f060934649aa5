"""Cleaned rows as Parquet, written and read by Spark's tasks, one folder per partition.

What goes here: writing to a temporary folder and renaming it, so that a folder with `_SUCCESS` is
complete; loading folders as files or as a DataFrame. What stays out: examining a folder (in
`clean_folders`), moving folders (in `clean_writing`), reading MongoDB (in `stores.raw`).
"""

import contextlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import dagster as dg
import pyarrow.dataset as ds
from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from cryptoassets.errors import StoreUnavailableError, UpstreamNotMaterializedError
from cryptoassets.facts import Fact
from cryptoassets.io_managers import address, metadata, shapes
from cryptoassets.partitions.spans import Span, folder_name, partition_name
from cryptoassets.resources.failures import STEP_RETRIES, dagster_failures
from cryptoassets.resources.spark import SparkResource
from cryptoassets.resources.spark_errors import spark_errors
from cryptoassets.schemas import Table, span_of
from cryptoassets.stores.clean import CleanFile, CleanFiles, Seal
from cryptoassets.stores.clean_files import clean_store, scratch_folder, shared_path, spark_uri
from cryptoassets.stores.clean_folders import (
    FilePart,
    FolderContents,
    damage,
    dataset_of,
    file_parts,
    files_of,
    folder_of,
    mark_complete,
    reusable_contents,
    windows_in,
    written_partitions,
)
from cryptoassets.stores.clean_marks import has_mark, read_mark
from cryptoassets.stores.clean_writing import (
    ATTEMPTS,
    add_files,
    delete_folder,
    has_fewer_rows,
    move_written_files,
    refuse_mixed_views,
    refuse_shared_instants,
    replace_folder,
    summarize_rows,
    write_empty_file_if_missing,
)
from cryptoassets.stores.mongodb import Fetches
from cryptoassets.stores.ranges import MAX_DOCUMENTS
from cryptoassets.stores.raw import MappedRaw, RawRanges
from cryptoassets.stores.writing import write_ranges

_STARTS = {"hour": "yyyy-MM-dd'T'HH", "day": "yyyy-MM-dd"}
"""The time formats of `spans.folder_name` in Spark's notation."""
_MAX_READS = 3


class SparkIOManager(dg.ConfigurableIOManager):
    """Stores cleaned rows as Parquet under `CLEAN_PATH`; partitions are replaced atomically."""

    spark: dg.ResourceDependency[SparkResource]
    max_files: int = 64
    """A partition that has this many files, plus one per `MAX_DOCUMENTS` rows, is rewritten,
    because each reader opens all of its files."""

    def handle_output(self, context: dg.OutputContext, obj: DataFrame | MappedRaw) -> None:
        """Write partitions to a temporary folder, then replace the existing ones.

        Raw documents are read again if more of them arrive during the read. If the existing rows
        were judged by the current rules, only newer snapshots are read, and their rows are added in
        new files. A raw partition only grows, so a result with fewer rows than the existing one
        must be older and is dropped.

        Raises:
            dagster.Failure: SchemaMismatchError: a column is missing, extra or mistyped.
                StoreUnavailableError: documents arrived during every read; nothing was written.
        """
        with dagster_failures(retries=STEP_RETRIES), spark_errors():
            table = address.table_of(context.asset_key)
            shapes.refuse_other_types(context.asset_key, obj, DataFrame, MappedRaw)
            if isinstance(obj, DataFrame):
                shapes.refuse_any_difference(context.asset_key, obj, table)
                self._store_frame(context, table, obj)
            else:
                self._store_mapped(context, table, obj)

    def _store_frame(self, context: dg.OutputContext, table: Table, frame: DataFrame) -> None:
        store, temporary = scratch_folder(table.name)
        partitions = address.partitions_of(context, span_of(table))
        unit = folder_name(partitions[0]).partition("=")[0]
        start = F.date_format("observed_at", _STARTS[unit])
        # One task per partition; otherwise each task would write a file to each partition.
        by_partition = frame.withColumn(unit, start).repartition(unit)
        by_partition.write.mode("overwrite").partitionBy(unit).parquet(spark_uri(store, temporary))
        self._keep(context, table, temporary, partitions)

    def _store_mapped(self, context: dg.OutputContext, table: Table, mapped: MappedRaw) -> None:
        """Read and map documents until a read covers all of them; see `handle_output`.

        Raises:
            StoreUnavailableError: documents arrived during every read.
        """
        store, temporary = scratch_folder(table.name)
        partitions = address.partitions_of(context, span_of(table))
        reusable = self._reusable(table, partitions)
        attempts_to_read = [*([reusable] if reusable else []), *[None] * _MAX_READS]
        rows = counted = 0
        for known in attempts_to_read:
            fetches = mapped.source.fetches()
            if known and known.judged_by != mapped.source.judged_by(fetches, known.newest):
                continue
            delete_folder(store, temporary)
            store.create_dir(f"{temporary}/{ATTEMPTS}")
            attempts = shared_path(store, f"{temporary}/{ATTEMPTS}")
            newer_than = known.newest if known else None
            written = write_ranges(mapped, attempts, fetches, after=newer_than)
            move_written_files(store, temporary, written)
            parts = [
                file_parts(store, f"{temporary}/{folder_name(window)}") for window in partitions
            ]
            rows = sum(part.rows for found in parts for part in found)
            # A run that finds no newer documents was launched to process the whole partition again.
            if known and rows == 0:
                continue
            rows += known.rows if known else 0
            counted = mapped.source.count()
            if rows != counted and len(partitions) > 1:
                counted = mapped.source.sum_of_counts()
            if rows == counted:
                files = {file.name: file.seal for file in written}
                read = ReadResult(mapped.source, fetches, counted, known, files)
                self._keep(context, table, temporary, partitions, read)
                return
        delete_folder(store, temporary)
        message = (
            f"{context.asset_key.to_user_string()}: documents arrived during each of {_MAX_READS} "
            f"reads: {rows:,} were read, but there are {counted:,}. Nothing was written; a retry "
            "helps"
        )
        raise StoreUnavailableError(message)

    def _reusable(self, table: Table, partitions: list[Span]) -> FolderContents | None:
        """The contents of the run's only partition, if newer snapshots can be added to it."""
        found = reusable_contents(table, partitions[0]) if len(partitions) == 1 else None
        if found is None or not found.newest or not found.judged_by:
            return None
        limit = self.max_files + found.rows // MAX_DOCUMENTS
        return found if len(found.files) < limit else None

    def _keep(
        self,
        context: dg.OutputContext,
        table: Table,
        temporary: str,
        partitions: list[Span],
        read: "ReadResult | None" = None,
    ) -> None:
        """Move partitions from the temporary folder to their own folders, except older results."""
        store, _ = clean_store()
        only_one = len(partitions) == 1
        # Keep at least one partition: later steps of the run read a folder even without documents.
        kept = windows_in(store, temporary, partitions) or partitions[-1:]
        for window in kept:
            _, folder = folder_of(table, window)
            part = f"{temporary}/{folder_name(window)}"
            parts = file_parts(store, part)
            refuse_shared_instants(parts, table, window)
            is_dropped = False
            judged_by = read.judged_by(parts) if read else None
            files = read.files if read else {}
            if read and read.known:
                add_files(store, part, folder, read.known)
                files = {**read_mark(store, folder).files, **files}
                mark_complete(store, folder, table, judged_by=judged_by, files=files)
            else:
                write_empty_file_if_missing(store, part, table)
                is_dropped = has_fewer_rows(store, part, table, window) and (
                    not read or read.has_grown()
                )
                if is_dropped:
                    message = (
                        "%s already contains a newer result with more rows; this run's result is "
                        "dropped"
                    )
                    context.log.warning(message, folder)
                else:
                    mark_complete(store, part, table, judged_by=judged_by, files=files)
                    replace_folder(store, part, table, window)
            name = None if only_one else partition_name(window)
            _report(context, table, folder, is_older=is_dropped, partition=name)
        filled = kept if read is None or read.counted else []
        metadata.report_empty(context, [one for one in partitions if one not in filled], {})
        metadata.materialize_only(context, filled)
        # A lost task may still be writing to this folder; a later run deletes what remains.
        with contextlib.suppress(OSError):
            delete_folder(store, temporary)

    def load_input(self, context: dg.InputContext) -> CleanFiles | DataFrame:
        """Load partitions as files or as a lazy DataFrame, depending on the asset's annotation.

        Raises:
            dagster.Failure: UpstreamNotMaterializedError: a folder is missing, incomplete or
                damaged.
        """
        with dagster_failures(retries=STEP_RETRIES), spark_errors():
            files = self._files(context)
            if context.dagster_type.typing_type is CleanFiles:
                return files
            # No row count is passed: it would require the footer of every file.
            self.spark.prepare_for()
            folders = [spark_uri(*folder_of(files.table, window)) for window in files.partitions]
            return self.spark.session.read.schema(files.table.spark_schema).parquet(*folders)

    def _files(self, context: dg.InputContext) -> CleanFiles:
        table = address.table_of(context.asset_key)
        found: list[CleanFile] = []
        wanted = address.partitions_of(context, span_of(table))
        # Hours and days without documents have no folder.
        partitions = written_partitions(table, wanted) if len(wanted) > 1 else wanted
        for window in partitions or wanted[:1]:
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
                parts = file_parts(store, folder)
                refuse_mixed_views(parts, folder)
                starts = {part.name: part.first for part in parts}
                files = [file._replace(first=starts.get(file.name)) for file in files]
            found += files
        return CleanFiles(table, tuple(partitions), tuple(found), self.spark.tasks)


@dataclass(frozen=True)
class ReadResult:
    """The result of reading and mapping raw documents.

    Attributes:
        source: the documents.
        fetches: the fetch records by which the documents were judged.
        counted: the number of documents, counted after the read.
        known: the existing contents to which newer rows are added; None to replace the contents.
        files: seals of the written files, by name.
    """

    source: RawRanges
    fetches: Fetches
    counted: int
    known: FolderContents | None
    files: Mapping[str, Seal]

    def has_grown(self) -> bool:
        """Whether documents have arrived since the read; only then can another result be newer."""
        return self.source.count() > self.counted

    def judged_by(self, parts: Iterable[FilePart]) -> str:
        """The value of `FolderContents.judged_by` for rows up to the newest one in these files."""
        newest = max((part.last for part in parts if part.last), default=None)
        return self.source.judged_by(self.fetches, newest)


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
            **{Fact(name): rows for name, rows in summarize_rows(kept).outcomes.items()},
            "preview": metadata.preview(_shown(kept)),
        },
        partition=partition,
    )


def _shown(dataset: ds.Dataset) -> list[dict[str, object]]:
    names = [name for name in dataset.schema.names if name not in ("payload", "raw_id")]
    rows: list[dict[str, object]] = dataset.head(metadata.PREVIEW_ROWS, columns=names).to_pylist()
    return rows
