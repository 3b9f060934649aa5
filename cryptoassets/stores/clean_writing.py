"""Moves cleaned Parquet into a partition's folder: replaces the folder, or adds files to it.

What goes here: the checks before files are moved, and the order of the steps. What stays out:
examining a folder (in `clean_folders`), writing the rows (in `writing`).
"""

import errno
from collections import Counter
from collections.abc import Iterable
from typing import NamedTuple

import pyarrow.compute as pc
import pyarrow.dataset as ds
import pyarrow.parquet as pq
from pyarrow import fs

from cryptoassets.errors import (
    ContractViolationError,
    MixedSourcesError,
    PartitionChangedError,
    SettingsError,
)
from cryptoassets.partitions.spans import Span, partition_name
from cryptoassets.schemas import Table, asset_of
from cryptoassets.schemas.arrow import arrow_schema
from cryptoassets.stores.clean_folders import (
    FilePart,
    FolderContents,
    clean_damage,
    clean_partition,
    dataset_of,
    folder_of,
    shared_instants,
)
from cryptoassets.stores.clean_marks import parquet_files, unmark
from cryptoassets.stores.writing import WrittenFile

ATTEMPTS = "attempts"
"""Subfolder of a temporary folder, for the files of all task attempts."""


class RowSummary(NamedTuple):
    """Sources of cleaned rows, and the number of rows per outcome."""

    sources: set[str]
    outcomes: dict[str, int]


def summarize_rows(rows: ds.Dataset) -> RowSummary:
    """Collect sources and count outcomes, batch by batch; a missing column yields no entries."""
    columns = [name for name in ("source", "outcome") if name in rows.schema.names]
    counted = {name: Counter[str]() for name in columns}
    for batch in rows.to_batches(columns=columns):
        for name in columns:
            for entry in pc.value_counts(batch[name]).to_pylist():
                counted[name][entry["values"]] += entry["counts"]
    outcomes = counted.get("outcome", Counter[str]())
    shown = ("valid", "quarantined", "superseded") if "outcome" in columns else ()
    return RowSummary(set(counted.get("source", ())), {name: outcomes[name] for name in shown})


def refuse_shared_instants(parts: Iterable[FilePart], table: Table, window: Span) -> None:
    """Refuse files whose times overlap, because some rules need a whole snapshot at once.

    Raises:
        ContractViolationError: names two such files.
    """
    problems = shared_instants(parts)
    if problems:
        raise ContractViolationError(
            f"{asset_of(table)} {partition_name(window)}: {problems[0]}. Nothing was "
            "written, and a retry will not help"
        )


def refuse_mixed_views(parts: Iterable[FilePart], folder: str) -> None:
    """Refuse to read a folder to which two runs have added the same snapshot.

    One of the two runs removes its file again.

    Raises:
        PartitionChangedError: names the folder.
    """
    if shared_instants(parts):
        raise PartitionChangedError(
            f"Two runs have added the same snapshot to {folder}. A retry helps: the later run "
            "removes its file, or the next run rebuilds the partition"
        )


def has_fewer_rows(store: fs.FileSystem, temporary: str, table: Table, window: Span) -> bool:
    """Whether a temporary folder has fewer rows than the existing partition.

    A partition that cannot be read counts as missing.

    Raises:
        MixedSourcesError: only one of the two holds data from CoinCap.
    """
    existing = clean_partition(table, window)
    if existing is None or clean_damage(table, window):
        return False
    new = dataset_of(store, temporary)
    sources = [summarize_rows(rows).sources for rows in (existing, new)]
    if all(sources) and ("coincap" in sources[0]) != ("coincap" in sources[1]):
        _, folder = folder_of(table, window)
        raise MixedSourcesError(
            f"{folder} holds data of source {', '.join(sorted(sources[0]))}; data of "
            f"{', '.join(sorted(sources[1]))} would replace it. A retry will not help; set "
            "CLEAN_PATH to a separate folder for each source, or do not set it (the embedded "
            "stores are separate for each source)"
        )
    return bool(new.count_rows() < existing.count_rows())


def move_written_files(
    store: fs.FileSystem, temporary: str, written: Iterable[WrittenFile]
) -> None:
    """Move the files of successful attempts to one folder per partition in the temporary folder.

    Files of other attempts, e.g. of lost tasks, stay in the subfolder `ATTEMPTS` and are not used.

    Args:
        store: file system of the folder.
        temporary: temporary folder; contains `ATTEMPTS` and gets a folder per partition with rows.
        written: files that successful attempts reported.

    Raises:
        SettingsError: a file does not exist, or may not be moved.
    """
    for file in written:
        folder = f"{temporary}/{file.folder}"
        store.create_dir(folder)
        try:
            store.move(f"{temporary}/{ATTEMPTS}/{file.name}", f"{folder}/{file.name}")
        except (FileNotFoundError, PermissionError) as error:
            raise SettingsError(
                f"A Spark worker has written {file.name}, but this process cannot find or move it "
                f"({error.strerror}). A retry will not help; set CLEAN_PATH to a folder that "
                "driver and workers share, and run both as the same user"
            ) from error


def write_empty_file_if_missing(store: fs.FileSystem, folder: str, table: Table) -> None:
    """Write a Parquet file without rows, unless the folder has a Parquet file already."""
    if not parquet_files(store, folder):
        store.create_dir(folder, recursive=True)
        schema = arrow_schema(table)
        pq.write_table(schema.empty_table(), f"{folder}/part-0.parquet", filesystem=store)


def replace_folder(store: fs.FileSystem, temporary: str, table: Table, window: Span) -> None:
    """Replace the folder of a partition with a temporary folder that is marked as complete.

    Raises:
        PartitionChangedError: another run wrote the partition at the same moment.
    """
    _, folder = folder_of(table, window)
    try:
        delete_folder(store, folder)
        store.create_dir(folder.rpartition("/")[0], recursive=True)
        store.move(temporary, folder)
    except OSError as error:
        if error.errno not in (errno.ENOTEMPTY, errno.EEXIST, errno.ENOENT):
            raise
        raise PartitionChangedError(
            f"{folder} was written by another run at the same moment. A retry helps"
        ) from error


def add_files(store: fs.FileSystem, temporary: str, folder: str, base: FolderContents) -> None:
    """Move each file of a temporary folder into the folder of a partition, atomically.

    Raises:
        PartitionChangedError: another run has written the folder since `base` was read. If this
            run had already moved files, they were removed again.
    """
    new_files = parquet_files(store, temporary)
    _refuse_change(store, folder, base.files)
    for name in new_files:
        store.move(f"{temporary}/{name}", f"{folder}/{name}")
    try:
        _refuse_change(store, folder, base.files | new_files)
    except PartitionChangedError:
        for name in new_files & parquet_files(store, folder):
            store.delete_file(f"{folder}/{name}")
        raise


def _refuse_change(store: fs.FileSystem, folder: str, expected: frozenset[str]) -> None:
    if parquet_files(store, folder) != expected:
        raise PartitionChangedError(
            f"{folder} was written by another run in the meantime; nothing was added. A retry "
            "helps: it reads and judges the whole partition"
        )


def clean_bytes(table: Table, window: Span) -> int:
    """Number of bytes in a partition's folder, whether it is complete or not."""
    store, folder = folder_of(table, window)
    if store.get_file_info(folder).type != fs.FileType.Directory:
        return 0
    selector = fs.FileSelector(folder, allow_not_found=True, recursive=True)
    return sum(entry.size or 0 for entry in store.get_file_info(selector))


def delete_clean(table: Table, window: Span) -> None:
    """Delete a partition's folder, if it exists."""
    delete_folder(*folder_of(table, window))


def delete_folder(store: fs.FileSystem, folder: str) -> None:
    """Delete a folder, or a file with its name, if it exists."""
    kind = store.get_file_info(folder).type
    if kind == fs.FileType.File:
        store.delete_file(folder)
    elif kind != fs.FileType.NotFound:
        # The mark is deleted first, so that no reader takes half a partition for a complete one.
        unmark(store, folder)
        store.delete_dir(folder)
