"""Parquet that a publication of this process has read: its rows need not be decoded again.

What goes here: remembering the checksum of the rows that tasks read, and comparing bytes later.
What stays out: the checksums (in `stores.checksums`), and what a difference means (in
`checks.places`).

The checksum of the rows is kept together with the hash of the files' bytes. Reading and hashing the
bytes again takes a twentieth of the time that decoding the rows does, and finds the same changes.
"""

import contextlib
from collections.abc import Iterable
from pathlib import PurePosixPath
from typing import NamedTuple

from cryptoassets.io_managers.clean_folders import files_checksum, folder_of
from cryptoassets.io_managers.clean_marks import digests_of, has_mark, hash_of, read_mark
from cryptoassets.partitions.spans import Span
from cryptoassets.schemas import Table
from cryptoassets.stores.clean import CleanFiles
from cryptoassets.stores.staged import StagedPartition


class _PublishedFiles(NamedTuple):
    names: str
    written: str
    checksum: str


_PUBLISHED: dict[str, dict[Span, _PublishedFiles]] = {}
"""By table and partition; the latest publication only, so that a long-lived process stays small."""


def remember_published(judged: CleanFiles, staged: Iterable[StagedPartition]) -> None:
    """Remember the checksum of the rows that tasks read, with the hash of bytes in the mark."""
    published = {}
    for part in staged:
        store, folder = folder_of(judged.table, part.partition)
        read = [file for file in judged.files if file.partition == part.partition]
        names = hash_of(PurePosixPath(file.path).name for file in read)
        try:
            written = read_mark(store, folder).written
        except OSError:
            # Another run is replacing it.
            continue
        if written and part.clean_checksum:
            published[part.partition] = _PublishedFiles(names, written, part.clean_checksum)
    _PUBLISHED[judged.table.name] = published


def checksum_now(table: Table, window: Span) -> str | None:
    """Return what `files_checksum` does; rows are decoded only if bytes differ from published ones.

    Args:
        table: of the cleaned rows.
        window: one partition.
    """
    known = _PUBLISHED.get(table.name, {}).get(window)
    store, folder = folder_of(table, window)
    # A file that is gone or cannot be read is for `files_checksum` to judge.
    with contextlib.suppress(OSError):
        if known is not None and has_mark(store, folder):
            digests = digests_of(store, folder)
            if (hash_of(digests), hash_of(digests.values())) == (known.names, known.written):
                return known.checksum
    return files_checksum(table, window)
