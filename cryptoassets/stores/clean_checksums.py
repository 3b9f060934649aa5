"""The checksum of the cleaned rows that a partition's Parquet files contain now.

What goes here: computing it from the files, or from the mark `_SUCCESS` if the bytes have not
changed. What stays out: the definition of the checksum (in `stores.checksums`), what a
difference means (in `checks`).
"""

import contextlib

from cryptoassets.errors import StoreUnavailableError, UpstreamNotMaterializedError
from cryptoassets.partitions.spans import Span
from cryptoassets.schemas import Table
from cryptoassets.stores.checksums import sum_checksums
from cryptoassets.stores.clean import read_file
from cryptoassets.stores.clean_folders import files_of, folder_of
from cryptoassets.stores.clean_marks import digests_of, has_mark, read_mark


def files_checksum(table: Table, window: Span) -> str | None:
    """Compute the checksum of a partition from the rows of its files; ignore the mark's checksums.

    Returns:
        See `stores.checksums.clean_checksum`. None if the partition is missing or damaged, or if
        another run has just replaced it.
    """
    store, folder = folder_of(table, window)
    if not has_mark(store, folder):
        return None
    try:
        files = files_of(store, folder, window)
        return sum_checksums(read_file(table, file._replace(seal=None)).checksum for file in files)
    except (FileNotFoundError, StoreUnavailableError, UpstreamNotMaterializedError):
        return None


def sealed_checksum(table: Table, window: Span) -> str | None:
    """Like `files_checksum`, but do not decode rows if the bytes of all files are unchanged.

    Reading only the bytes takes a twentieth of the time.
    """
    store, folder = folder_of(table, window)
    # `files_checksum` handles files that are missing or cannot be read.
    with contextlib.suppress(OSError):
        if has_mark(store, folder):
            seals = read_mark(store, folder).files
            if digests_of(store, folder) == {name: seal.digest for name, seal in seals.items()}:
                return sum_checksums(seal.checksum for seal in seals.values())
    return files_checksum(table, window)
