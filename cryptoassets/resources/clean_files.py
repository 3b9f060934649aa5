"""Where cleaned Parquet lies, as a file system that driver and workers share.

What goes here: `CLEAN_PATH` as a pyarrow file system and Spark's URI of a path in it. What stays
out: which folder belongs to which partition (in `io_managers`).
"""

import contextlib
from datetime import UTC, datetime, timedelta

from pyarrow import fs

from cryptoassets.embedded import Stack
from cryptoassets.errors import SettingsError
from cryptoassets.settings import load_settings

SCRATCH = "_scratch"
"""Folder below the root for what no reader may see: half-written and passing files."""
LONGEST_RUN = timedelta(days=1)


def clean_store() -> tuple[fs.FileSystem, str]:
    """The file system of `CLEAN_PATH` and the path of its root in it, without a final slash.

    Raises:
        SettingsError: the file system refuses the URI.
    """
    uri = Stack(load_settings()).clean_path()
    try:
        store, root = fs.FileSystem.from_uri(uri)
    except (ValueError, OSError) as error:
        raise SettingsError(
            f"CLEAN_PATH {uri} cannot be used: {error}. Set it to a folder that driver and workers "
            "share"
        ) from error
    return store, root.rstrip("/")


def spark_uri(store: fs.FileSystem, path: str) -> str:
    """A path below the root as Spark reads it: scheme and host are those of `CLEAN_PATH`."""
    if isinstance(store, fs.LocalFileSystem):
        return f"file://{path}"
    root_uri = Stack(load_settings()).clean_path().rstrip("/")
    _, root = clean_store()
    return root_uri + path.removeprefix(root)


def sweep_scratch(store: fs.FileSystem, root: str) -> None:
    """Delete what killed runs left in the scratch folder; no run of ours lasts that long."""
    selector = fs.FileSelector(f"{root}/{SCRATCH}", allow_not_found=True)
    for entry in store.get_file_info(selector):
        if entry.mtime and datetime.now(UTC) - entry.mtime > LONGEST_RUN:
            with contextlib.suppress(OSError):  # another run sweeps too
                store.delete_dir(entry.path)
