"""A partition's folder of cleaned Parquet: whole, damaged or missing, and the rules that judged it.

What goes here: telling what lies in a folder. What stays out: writing it, Spark (in `spark`), rules
(in `transforms`). A damaged folder counts as missing: its partition is made from raw again.
"""

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.dataset as ds
import pyarrow.parquet as pq
from pyarrow import fs

from cryptoassets.partitions.spans import Span, folder_name
from cryptoassets.resources.clean_files import clean_store
from cryptoassets.schemas import Table
from cryptoassets.stores.checksums import clean_checksum, file_checksum
from cryptoassets.transforms.version import rules_version

_SUCCESS = "_SUCCESS"
"""The mark of a whole folder; its text is the version of the rules that judged the rows."""
_CHECKED = ds.ParquetFileFormat(
    default_fragment_scan_options=ds.ParquetFragmentScanOptions(page_checksum_verification=True)
)


def folder_of(table: Table, window: Span) -> tuple[fs.FileSystem, str]:
    """The file system of `CLEAN_PATH` and the folder of a partition in it."""
    store, root = clean_store()
    return store, f"{root}/{table.name}/{folder_name(window)}"


def clean_partition(table: Table, window: Span) -> ds.Dataset | None:
    """A partition as it lies under `CLEAN_PATH`; None where it is missing or damaged."""
    store, folder = folder_of(table, window)
    return dataset_of(store, folder) if is_whole(store, folder) else None


def clean_rows(
    table: Table, window: Span, columns: list[str], wanted: pc.Expression | None = None
) -> pa.Table | None:
    """Rows of a partition; None where it is missing or damaged.

    Raises:
        FileNotFoundError: another run replaced it meanwhile.
    """
    found = clean_partition(table, window)
    try:
        return None if found is None else found.to_table(columns=columns, filter=wanted)
    except FileNotFoundError:
        raise
    except (OSError, pa.ArrowInvalid):
        return None


def files_checksum(table: Table, window: Span) -> str | None:
    """The checksum of a partition's Parquet files as they are now; None: it is not there whole.

    Raises:
        OSError: a file cannot be read, or another run replaced it meanwhile.
    """
    store, folder = folder_of(table, window)
    if not has_mark(store, folder):
        return None
    names = parquet_files(store, folder)
    return clean_checksum((name, file_checksum(store, f"{folder}/{name}")) for name in names)


def clean_damage(table: Table, window: Span) -> str | None:
    """Why a partition that was written whole cannot be read; reads all of it to find out."""
    return damage(*folder_of(table, window), is_thorough=True)


def is_of_older_rules(table: Table, window: Span) -> bool:
    """Whether other rules than today's judged a partition that is there."""
    store, folder = folder_of(table, window)
    if not has_mark(store, folder):
        return False
    with store.open_input_stream(f"{folder}/{_SUCCESS}") as mark:
        return bool(mark.read().decode(errors="replace") != rules_version(table))


def dataset_of(store: fs.FileSystem, folder: str) -> ds.Dataset:
    """The rows of a folder, lazily, with the schema that is in the files: a check compares it."""
    return ds.dataset(folder, filesystem=store, format=_CHECKED)


def has_mark(store: fs.FileSystem, folder: str) -> bool:
    """Whether a folder was written to its end."""
    return bool(store.get_file_info(f"{folder}/{_SUCCESS}").type == fs.FileType.File)


def is_whole(store: fs.FileSystem, folder: str) -> bool:
    """Whether a folder was written to its end and its files still open as Parquet."""
    return damage(store, folder) is None and has_mark(store, folder)


def mark_whole(store: fs.FileSystem, folder: str, table: Table) -> None:
    """Mark a folder as written to its end by today's rules."""
    with store.open_output_stream(f"{folder}/{_SUCCESS}") as mark:
        mark.write(rules_version(table).encode())


def unmark(store: fs.FileSystem, folder: str) -> None:
    """Have a folder count as missing."""
    if has_mark(store, folder):
        store.delete_file(f"{folder}/{_SUCCESS}")


def parquet_files(store: fs.FileSystem, folder: str) -> frozenset[str]:
    """Names of the Parquet files of a folder; none where there is no folder."""
    found = store.get_file_info(fs.FileSelector(folder, allow_not_found=True))
    return frozenset(info.base_name for info in found if info.base_name.endswith(".parquet"))


def damage(store: fs.FileSystem, folder: str, *, is_thorough: bool = False) -> str | None:
    """Why a folder cannot be read, in words; None: it can, or it was never written to its end.

    Args:
        store: file system of the folder.
        folder: of a partition.
        is_thorough: read every page and compare its checksum, not just the files' footers.
    """
    name = folder
    try:
        if not has_mark(store, folder):
            return None
        names = sorted(parquet_files(store, folder))
        for name in names:
            with (
                store.open_input_file(f"{folder}/{name}") as file,
                pq.ParquetFile(file, page_checksum_verification=True) as parquet,
            ):
                for _ in parquet.iter_batches() if is_thorough else ():
                    pass
    except FileNotFoundError:
        # Another run has just replaced it.
        return None
    except (OSError, pa.ArrowInvalid) as error:
        return f"{name.rpartition('/')[2]}: {str(error).partition(chr(10))[0]}"
    return None if names else "it holds no Parquet file"
