"""Where cleaned Parquet is stored: a file system that driver and workers share.

What goes here: `CLEAN_PATH` as a pyarrow file system, and the URI of a path for Spark. What stays
out: which folder belongs to which partition (in `io_managers`).
"""

import contextlib
from datetime import UTC, datetime, timedelta
from uuid import uuid4

from pyarrow import fs

from cryptoassets.embedded import Stack
from cryptoassets.embedded.owners import is_gone, process_name
from cryptoassets.errors import SettingsError
from cryptoassets.settings import load_settings

SCRATCH = "_scratch"
"""Folder below the root for files that no reader may see: incomplete and temporary files."""
MAX_RUN_DURATION = timedelta(days=1)


def clean_store() -> tuple[fs.FileSystem, str]:
    """Return the file system of `CLEAN_PATH` and the path of its root, without a trailing slash.

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
    """Return a path below the root as a URI for Spark, with scheme and host of `CLEAN_PATH`."""
    if isinstance(store, fs.LocalFileSystem):
        return f"file://{path}"
    root_uri = Stack(load_settings()).clean_path().rstrip("/")
    _, root = clean_store()
    return root_uri + path.removeprefix(root)


def shared_path(store: fs.FileSystem, path: str) -> str:
    """Return a path below the root as workers open it with PyArrow; any characters are allowed."""
    return path if isinstance(store, fs.LocalFileSystem) else spark_uri(store, path)


def scratch_folder(name: str) -> tuple[fs.FileSystem, str]:
    """Return the path of a new folder for this process below `SCRATCH`; it is not created yet.

    Deletes the folders of processes that are gone.

    Args:
        name: the purpose of the folder.
    """
    store, root = clean_store()
    selector = fs.FileSelector(f"{root}/{SCRATCH}", allow_not_found=True)
    for entry in store.get_file_info(selector):
        # Whether another host's process is alive is unknown, but no run lasts that long.
        is_old = entry.mtime and datetime.now(UTC) - entry.mtime > MAX_RUN_DURATION
        if is_old or is_gone(entry.base_name.partition("+")[0]):
            with contextlib.suppress(OSError):  # another run may delete it too
                store.delete_dir(entry.path)
    return store, f"{root}/{SCRATCH}/{process_name()}+{name}-{uuid4().hex}"
