"""The checksum of a partition's cleaned rows, as its Parquet holds them now.

What goes here: reading it from files, and taking it from the mark where bytes are as written. What
stays out: how rows are added up (in `stores.checksums`), what a difference means (in `checks`).
"""

import contextlib

from cryptoassets.errors import StoreUnavailableError, UpstreamNotMaterializedError
from cryptoassets.io_managers.clean_folders import files_of, folder_of
from cryptoassets.io_managers.clean_marks import digests_of, has_mark, read_mark
from cryptoassets.partitions.spans import Span
from cryptoassets.schemas import Table
from cryptoassets.stores.checksums import added
from cryptoassets.stores.clean import read_file


def files_checksum(table: Table, window: Span) -> str | None:
    """Add up the rows of a partition file by file, whatever its mark says of them.

    Returns:
        See `stores.checksums.clean_checksum`; None: the partition is missing or damaged, or another
        run has just replaced it.
    """
    store, folder = folder_of(table, window)
    if not has_mark(store, folder):
        return None
    try:
        files = files_of(store, folder, window)
        return added(read_file(table, file._replace(seal=None)).checksum for file in files)
    except (FileNotFoundError, StoreUnavailableError, UpstreamNotMaterializedError):
        return None


def sealed_checksum(table: Table, window: Span) -> str | None:
    """The same; of files whose bytes are as they were written the rows are not decoded.

    Reading the bytes takes a twentieth of the time that decoding the rows does.
    """
    store, folder = folder_of(table, window)
    # What is gone or cannot be read is judged by `files_checksum`.
    with contextlib.suppress(OSError):
        if has_mark(store, folder):
            seals = read_mark(store, folder).files
            if digests_of(store, folder) == {name: seal.digest for name, seal in seals.items()}:
                return added(seal.checksum for seal in seals.values())
    return files_checksum(table, window)
