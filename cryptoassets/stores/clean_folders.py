"""The state of a partition's Parquet folder: complete, damaged or missing, and its rules version.

What goes here: examining a folder. What stays out: writing one (in `clean_writing`), Spark (in
`io_managers.spark`), rules (in `transforms`). A complete folder has a mark, the file `_SUCCESS`. A
damaged folder counts as missing, so its partition is rebuilt from raw documents.
"""

import contextlib
import itertools
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from types import MappingProxyType

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.dataset as ds
import pyarrow.parquet as pq
from pyarrow import fs

from cryptoassets.partitions.spans import Span, folder_name
from cryptoassets.schemas import Table
from cryptoassets.stores.clean import CleanFile, Seal
from cryptoassets.stores.clean_files import clean_store, shared_path
from cryptoassets.stores.clean_marks import (
    Mark,
    digests_of,
    has_mark,
    hash_of,
    parquet_files,
    read_mark,
    unmark,
    write_mark,
)
from cryptoassets.transforms.version import rules_version

_CHECKED = ds.ParquetFileFormat(
    default_fragment_scan_options=ds.ParquetFragmentScanOptions(page_checksum_verification=True)
)


def folder_of(table: Table, window: Span) -> tuple[fs.FileSystem, str]:
    """The file system of `CLEAN_PATH` and the folder of a partition in it."""
    store, root = clean_store()
    return store, f"{root}/{table.name}/{folder_name(window)}"


def written_partitions(table: Table, windows: Sequence[Span]) -> list[Span]:
    """Partitions that have a folder, complete or not; those without documents may have none."""
    store, root = clean_store()
    return windows_in(store, f"{root}/{table.name}", windows)


def windows_in(store: fs.FileSystem, folder: str, windows: Sequence[Span]) -> list[Span]:
    """The partitions that have a subfolder in `folder`; none if `folder` does not exist."""
    entries = store.get_file_info(fs.FileSelector(folder, allow_not_found=True))
    names = {entry.base_name for entry in entries}
    return [window for window in windows if folder_name(window) in names]


def clean_partition(table: Table, window: Span) -> ds.Dataset | None:
    """The rows of a partition under `CLEAN_PATH`; None if the partition is missing or damaged."""
    store, folder = folder_of(table, window)
    return dataset_of(store, folder) if is_complete(store, folder) else None


def clean_rows(
    table: Table, window: Span, columns: list[str], wanted: pc.Expression | None = None
) -> pa.Table | None:
    """Read rows of a partition; None if the partition is missing or damaged.

    Raises:
        FileNotFoundError: another run replaced the partition during the read.
    """
    found = clean_partition(table, window)
    try:
        return None if found is None else found.to_table(columns=columns, filter=wanted)
    except FileNotFoundError:
        raise
    except (OSError, pa.ArrowInvalid):
        return None


def clean_damage(table: Table, window: Span) -> str | None:
    """Check all bytes of a complete partition; return why it cannot be read, or None if it can."""
    return damage(*folder_of(table, window), is_thorough=True)


def is_judged_by_older_rules(table: Table, window: Span) -> bool:
    """Whether a partition exists and was judged by rules other than the current ones."""
    store, folder = folder_of(table, window)
    if not has_mark(store, folder):
        return False
    return read_mark(store, folder).rules != rules_version(table)


@dataclass(frozen=True)
class FolderContents:
    """Contents of a complete partition's folder, from the file names and the Parquet footers.

    Attributes:
        files: names of the Parquet files.
        rows: number of rows, one per raw document that was read.
        newest: `observed_at` of the newest row; None if there are no rows.
        judged_by: hash of the fetch records with which the rows were judged; empty if unknown.
    """

    files: frozenset[str]
    rows: int
    newest: datetime | None
    judged_by: str


def reusable_contents(table: Table, window: Span) -> FolderContents | None:
    """A partition's contents if newer rows can be added to them; None if it must be rebuilt.

    Contents are reusable if they are complete, undamaged and judged by the current rules.
    """
    store, folder = folder_of(table, window)
    # Read all bytes: a file that is added next to a damaged one would never be published.
    is_damaged = damage(store, folder, is_thorough=True) is not None
    if is_damaged or not has_mark(store, folder) or is_judged_by_older_rules(table, window):
        return None
    parts = file_parts(store, folder)
    files = frozenset(part.name for part in parts)
    judged_by, _, names = read_mark(store, folder).judged.partition(" ")
    return FolderContents(
        files,
        sum(part.rows for part in parts),
        max((part.last for part in parts if part.last), default=None),
        judged_by if names == hash_of(files) else "",
    )


@dataclass(frozen=True)
class FilePart:
    """One Parquet file: row count, and first and last `observed_at` (both None without rows)."""

    name: str
    rows: int
    first: datetime | None
    last: datetime | None


def file_parts(store: fs.FileSystem, folder: str) -> list[FilePart]:
    """Describe the Parquet files of a folder from their footers, sorted by name."""
    parts = []
    for name in sorted(parquet_files(store, folder)):
        with store.open_input_file(f"{folder}/{name}") as file:
            parts.append(_part(name, pq.ParquetFile(file).metadata))
    return parts


def _part(name: str, footer: pq.FileMetaData) -> FilePart:
    place = footer.schema.names.index("observed_at")
    groups = [footer.row_group(number) for number in range(footer.num_row_groups)]
    ranges = [group.column(place).statistics for group in groups if group.num_rows]
    known = [found for found in ranges if found and found.has_min_max]
    return FilePart(
        name,
        footer.num_rows,
        min((found.min for found in known), default=None),
        max((found.max for found in known), default=None),
    )


def shared_instants(parts: Iterable[FilePart]) -> list[str]:
    """Describe files whose times overlap: a snapshot may have been judged in two parts."""
    dated = sorted((part for part in parts if part.rows), key=lambda part: (part.first, part.last))
    return [
        f"{after.name} begins at {after.first}, before {before.name} ends ({before.last})"
        for before, after in itertools.pairwise(dated)
        if before.last is None or after.first is None or after.first <= before.last
    ]


def dataset_of(store: fs.FileSystem, folder: str) -> ds.Dataset:
    """The rows of a folder, read lazily; the files' schemas are compared by a check, not here."""
    return ds.dataset(folder, filesystem=store, format=_CHECKED)


def is_complete(store: fs.FileSystem, folder: str) -> bool:
    """Whether a folder was written completely and its files can be opened as Parquet."""
    return damage(store, folder) is None and has_mark(store, folder)


def mark_complete(
    store: fs.FileSystem,
    folder: str,
    table: Table,
    *,
    judged_by: str | None = None,
    files: Mapping[str, Seal] = MappingProxyType({}),
) -> None:
    """Mark a folder as complete and judged by the current rules.

    Args:
        store: file system of the folder.
        folder: folder of a partition.
        table: table of its rows.
        judged_by: see `FolderContents.judged_by`.
        files: seals of the files that tasks wrote; other files are read to hash their bytes.
    """
    names = parquet_files(store, folder)
    judged = f"{judged_by} {hash_of(names)}" if judged_by else ""
    sealed = {name: files[name] for name in sorted(names & files.keys())}
    digests = digests_of(store, folder, names - sealed.keys())
    written = hash_of([*digests.values(), *(seal.digest for seal in sealed.values())])
    write_mark(store, folder, Mark(rules_version(table), written, judged, sealed))


def require_full_read(table: Table, window: Span) -> None:
    """Make the next run read and judge all documents of a partition, not only newer ones."""
    store, folder = folder_of(table, window)
    # If another run is replacing the folder now, that run reads all documents anyway.
    with contextlib.suppress(FileNotFoundError):
        if not has_mark(store, folder):
            return
        try:
            write_mark(store, folder, read_mark(store, folder)._replace(judged=""))
        except FileNotFoundError:
            raise
        except OSError:
            # Files can be deleted even from a full disk. An unmarked folder counts as missing.
            unmark(store, folder)


def unchanged_files_hash(table: Table, window: Span) -> str | None:
    """Hash the names and bytes of a partition's files, if they have not changed since writing.

    Returns:
        The hash. None if a file has changed, if the partition is missing, or if its mark is from a
        version that did not record a hash of the bytes.
    """
    store, folder = folder_of(table, window)
    try:
        digests = digests_of(store, folder)
        is_as_written = has_mark(store, folder) and (
            read_mark(store, folder).written == hash_of(digests.values())
        )
    except OSError:
        return None
    return (
        hash_of(f"{name} {digest}" for name, digest in digests.items()) if is_as_written else None
    )


def files_of(store: fs.FileSystem, folder: str, window: Span) -> list[CleanFile]:
    """The Parquet files of a marked folder, with paths for workers, sorted by name."""
    root = shared_path(store, folder)
    found = store.get_file_info(fs.FileSelector(folder, allow_not_found=True))
    seals = read_mark(store, folder).files
    return [
        CleanFile(window, f"{root}/{info.base_name}", info.size or 0, seals.get(info.base_name))
        for info in sorted(found, key=lambda info: info.base_name)
        if info.base_name.endswith(".parquet")
    ]


def damage(store: fs.FileSystem, folder: str, *, is_thorough: bool = False) -> str | None:
    """Why a folder cannot be read; None if it can be read, or if it was never complete.

    Args:
        store: file system of the folder.
        folder: folder of a partition.
        is_thorough: not only read the footers, but compare a hash of all bytes with the mark's
            hash. If the mark has no hash, compare each page with its checksum instead.
    """
    name = folder
    try:
        if not has_mark(store, folder):
            return None
        names = sorted(parquet_files(store, folder))
        for name in names:
            _open(store, f"{folder}/{name}")
        written = read_mark(store, folder).written
        # Unchanged bytes need not be decoded.
        if is_thorough and written != hash_of(digests_of(store, folder).values()):
            for name in names:
                _open(store, f"{folder}/{name}", is_read=True)
            if written:
                return "its bytes have changed since it was written"
    except FileNotFoundError:
        # Another run has just replaced the folder.
        return None
    except (OSError, pa.ArrowInvalid) as error:
        return f"{name.rpartition('/')[2]}: {str(error).partition(chr(10))[0]}"
    return None if names else "it contains no Parquet file"


def _open(store: fs.FileSystem, path: str, *, is_read: bool = False) -> None:
    """Open a Parquet file and optionally read each page; raise if the file is damaged."""
    with (
        store.open_input_file(path) as file,
        pq.ParquetFile(file, page_checksum_verification=True) as parquet,
    ):
        for _ in parquet.iter_batches() if is_read else ():
            pass
