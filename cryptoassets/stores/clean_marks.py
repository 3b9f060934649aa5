"""The mark of a complete Parquet folder: a file `_SUCCESS`, which describes the other files.

What goes here: reading and writing marks. What stays out: interpreting them (in `clean_folders`).
"""

import hashlib
import re
from collections.abc import Collection, Iterable, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import NamedTuple

from pyarrow import fs

from cryptoassets.stores.clean import Seal

_SUCCESS = "_SUCCESS"
_FILE_LINE = re.compile(r"(\S+) (\S+) (\S+)")


class Mark(NamedTuple):
    """The lines of a mark; older marks have only the first three lines, or only the first.

    Attributes:
        rules: version of the rules that judged the rows.
        written: hash of the bytes of all files.
        judged: `FolderContents.judged_by`, a space, and a hash of the file names; may be empty.
        files: the seals of the files that tasks wrote, by file name. A seal contains the SHA-256 of
            the file's bytes and the checksum of its rows. In the mark, each file has one line.
    """

    rules: str
    written: str
    judged: str
    files: Mapping[str, Seal] = MappingProxyType({})


def has_mark(store: fs.FileSystem, folder: str) -> bool:
    """Whether a folder is marked as complete."""
    return bool(store.get_file_info(f"{folder}/{_SUCCESS}").type == fs.FileType.File)


def hash_of(texts: Iterable[str]) -> str:
    """A short hash of strings, independent of their order."""
    return hashlib.sha256("\n".join(sorted(texts)).encode()).hexdigest()[:16]


def digests_of(
    store: fs.FileSystem, folder: str, names: Collection[str] | None = None
) -> dict[str, str]:
    """The SHA-256 of a folder's Parquet files, by name; all files if `names` is None."""
    digests = {}
    for name in parquet_files(store, folder) if names is None else names:
        with store.open_input_file(f"{folder}/{name}") as file:
            digests[name] = hashlib.file_digest(file, "sha256").hexdigest()
    return digests


def write_mark(store: fs.FileSystem, folder: str, mark: Mark) -> None:
    """Write or replace the mark of a folder."""
    # Written to another file and renamed, so that a reader sees either the old or the new mark.
    new_mark = f"{folder}/{_SUCCESS}.next"
    with store.open_output_stream(new_mark) as file:
        lines = [*mark[:3], *(" ".join((name, *seal)) for name, seal in mark.files.items())]
        file.write("\n".join(lines).encode())
    if isinstance(store, fs.LocalFileSystem):
        Path(new_mark).chmod(0o600)
    store.move(new_mark, f"{folder}/{_SUCCESS}")


def read_mark(store: fs.FileSystem, folder: str) -> Mark:
    """Read a mark; lines that an older mark does not have become empty."""
    with store.open_input_stream(f"{folder}/{_SUCCESS}") as file:
        lines = file.read().decode(errors="replace").split("\n")
    rules, written, judged = (*lines, "", "")[:3]
    file_lines = filter(None, map(_FILE_LINE.fullmatch, lines[3:]))
    return Mark(rules, written, judged, {line[1]: Seal(line[2], line[3]) for line in file_lines})


def unmark(store: fs.FileSystem, folder: str) -> None:
    """Delete the mark of a folder, so that the folder counts as missing."""
    if has_mark(store, folder):
        store.delete_file(f"{folder}/{_SUCCESS}")


def parquet_files(store: fs.FileSystem, folder: str) -> frozenset[str]:
    """Names of the Parquet files of a folder; empty if the folder does not exist."""
    found = store.get_file_info(fs.FileSelector(folder, allow_not_found=True))
    return frozenset(info.base_name for info in found if info.base_name.endswith(".parquet"))
