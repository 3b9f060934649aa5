"""Putting a partition's cleaned Parquet in its place, whole or by one more file.

What goes here: what is refused, and the order of the steps. What stays out: what lies in a folder
(in `clean_folders`), making the rows (in `spark`).
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
from cryptoassets.io_managers.clean_folders import (
    FilePart,
    View,
    clean_damage,
    clean_partition,
    dataset_of,
    folder_of,
    shared_instants,
)
from cryptoassets.io_managers.clean_marks import parquet_files, unmark
from cryptoassets.partitions.spans import Span, partition_name
from cryptoassets.schemas import Table
from cryptoassets.schemas.arrow import arrow_schema
from cryptoassets.stores.writing import Written

ATTEMPTS = "attempts"
"""Folder of a partition that is being written, for the files of all attempts at its tasks."""


class Facts(NamedTuple):
    """What is counted of cleaned rows, read batch by batch."""

    sources: set[str]
    outcomes: dict[str, int]


def facts_of(rows: ds.Dataset) -> Facts:
    """Count outcomes and name the sources of rows; a column that is missing says nothing."""
    columns = [name for name in ("source", "outcome") if name in rows.schema.names]
    counted = {name: Counter[str]() for name in columns}
    for batch in rows.to_batches(columns=columns):
        for name in columns:
            for entry in pc.value_counts(batch[name]).to_pylist():
                counted[name][entry["values"]] += entry["counts"]
    outcomes = counted.get("outcome", Counter[str]())
    shown = ("valid", "quarantined", "superseded") if "outcome" in columns else ()
    return Facts(set(counted.get("source", ())), {name: outcomes[name] for name in shown})


def refuse_shared_instants(parts: Iterable[FilePart], table: Table, window: Span) -> None:
    """Refuse files that share an instant: whole-snapshot rules would have seen half of it.

    Raises:
        ContractViolationError: names two files.
    """
    problems = shared_instants(parts)
    if problems:
        raise ContractViolationError(
            f"{table.schema}/{table.name} {partition_name(window)}: {problems[0]}. Nothing was "
            "written, and a retry will not help"
        )


def refuse_mixed_views(parts: Iterable[FilePart], folder: str) -> None:
    """Refuse a folder to which two runs have added the same snapshot; one takes its file back.

    Raises:
        PartitionChangedError: names the folder.
    """
    if shared_instants(parts):
        raise PartitionChangedError(
            f"Two runs have added the same snapshot to {folder}. A retry helps: the later one "
            "takes its file back, or the next run judges the partition whole"
        )


def is_older(store: fs.FileSystem, aside: str, table: Table, window: Span) -> bool:
    """Whether a partition written aside has fewer rows than the one in its place.

    One that cannot be read counts as missing.

    Raises:
        MixedSourcesError: one is of real data and the other is not.
    """
    there = clean_partition(table, window)
    if there is None or clean_damage(table, window):
        return False
    coming = dataset_of(store, aside)
    sources = [facts_of(rows).sources for rows in (there, coming)]
    if all(sources) and ("coincap" in sources[0]) != ("coincap" in sources[1]):
        _, folder = folder_of(table, window)
        raise MixedSourcesError(
            f"{folder} holds data of source {', '.join(sorted(sources[0]))}; data of "
            f"{', '.join(sorted(sources[1]))} would take its place. A retry will not help; set "
            "CLEAN_PATH to a folder of its own for each source, or leave it out (the embedded "
            "stores are kept apart)"
        )
    return bool(coming.count_rows() < there.count_rows())


def take_files(store: fs.FileSystem, aside: str, written: Iterable[Written]) -> None:
    """Move the files that count to the folders of their partitions.

    What is left in the folder of attempts, of tasks that were lost or run twice, counts nowhere.

    Args:
        store: file system of the folder.
        aside: holds `ATTEMPTS`, and gets one folder for each partition that has rows.
        written: reported by the attempts that count.

    Raises:
        SettingsError: a file is not there, or may not be moved.
    """
    for file in written:
        folder = f"{aside}/{file.folder}"
        store.create_dir(folder)
        try:
            store.move(f"{aside}/{ATTEMPTS}/{file.name}", f"{folder}/{file.name}")
        except (FileNotFoundError, PermissionError) as error:
            raise SettingsError(
                f"A Spark worker has written {file.name}, which this process does not see or may "
                f"not move ({error.strerror}). A retry will not help; set CLEAN_PATH to a folder "
                "that driver and workers share, as the same user"
            ) from error


def fill(store: fs.FileSystem, folder: str, table: Table) -> None:
    """Give a partition without rows a file without rows."""
    if not parquet_files(store, folder):
        store.create_dir(folder, recursive=True)
        schema = arrow_schema(table)
        pq.write_table(schema.empty_table(), f"{folder}/part-0.parquet", filesystem=store)


def replace_folder(store: fs.FileSystem, aside: str, table: Table, window: Span) -> None:
    """Put a marked folder that was written aside in the place of a partition.

    Raises:
        PartitionChangedError: another run put one there in the same moment.
    """
    _, folder = folder_of(table, window)
    try:
        delete_folder(store, folder)
        store.create_dir(folder.rpartition("/")[0], recursive=True)
        store.move(aside, folder)
    except OSError as error:
        if error.errno not in (errno.ENOTEMPTY, errno.EEXIST, errno.ENOENT):
            raise
        raise PartitionChangedError(
            f"{folder} was written by another run in the same moment. A retry helps"
        ) from error


def add_files(store: fs.FileSystem, aside: str, folder: str, base: View) -> None:
    """Move files that were written aside into a folder; a reader sees each whole.

    Raises:
        PartitionChangedError: another run has written the folder since it was looked at; it was
            left as it is.
    """
    coming = parquet_files(store, aside)
    _refuse_change(store, folder, base.files)
    for name in coming:
        store.move(f"{aside}/{name}", f"{folder}/{name}")
    try:
        _refuse_change(store, folder, base.files | coming)
    except PartitionChangedError:
        for name in coming & parquet_files(store, folder):
            store.delete_file(f"{folder}/{name}")
        raise


def _refuse_change(store: fs.FileSystem, folder: str, expected: frozenset[str]) -> None:
    if parquet_files(store, folder) != expected:
        raise PartitionChangedError(
            f"{folder} was written by another run meanwhile; nothing was added. A retry helps: it "
            "reads and judges the partition whole"
        )


def clean_bytes(table: Table, window: Span) -> int:
    """Bytes of a partition's Parquet, whole or not."""
    store, folder = folder_of(table, window)
    if store.get_file_info(folder).type != fs.FileType.Directory:
        return 0
    selector = fs.FileSelector(folder, allow_not_found=True, recursive=True)
    return sum(entry.size or 0 for entry in store.get_file_info(selector))


def delete_clean(table: Table, window: Span) -> None:
    """Delete a partition's Parquet, if there is any."""
    delete_folder(*folder_of(table, window))


def delete_folder(store: fs.FileSystem, folder: str) -> None:
    """Delete a folder, or a file in its place, if there is any."""
    kind = store.get_file_info(folder).type
    if kind == fs.FileType.File:
        store.delete_file(folder)
    elif kind != fs.FileType.NotFound:
        # The mark first: a reader in between sees a missing partition, not half of one.
        unmark(store, folder)
        store.delete_dir(folder)
