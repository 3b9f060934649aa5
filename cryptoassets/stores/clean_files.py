"""Where cleaned Parquet is stored: a file system that driver and workers share.

What goes here: `CLEAN_PATH` as a pyarrow file system, and the URI of a path for Spark. What stays
out: which folder belongs to which partition (in `clean_folders`).
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
        SettingsError: PyArrow cannot use the URI.
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
    """Return a path below the root as a URI for Spark, with the scheme and host of `CLEAN_PATH`."""
    if isinstance(store, fs.LocalFileSystem):
        return f"file://{path}"
    root_uri = Stack(load_settings()).clean_path().rstrip("/")
    _, root = clean_store()
    return root_uri + path.removeprefix(root)


def shared_path(store: fs.FileSystem, path: str) -> str:
    """Return a path below the root in the form that workers pass to PyArrow.

    A local path is not converted to a URI, so it may contain any characters.
    """
    return path if isinstance(store, fs.LocalFileSystem) else spark_uri(store, path)


def scratch_folder(name: str) -> tuple[fs.FileSystem, str]:
    """Return the file system, and a path below `SCRATCH` for a new folder of this process.

    The new folder is not created. Scratch folders of processes that have ended are deleted.

    Args:
        name: the purpose of the folder.
    """
    store, root = clean_store()
    selector = fs.FileSelector(f"{root}/{SCRATCH}", allow_not_found=True)
    for entry in store.get_file_info(selector):
        # It is unknown whether a process on another host is alive, but no run takes this long.
        is_old = entry.mtime and datetime.now(UTC) - entry.mtime > MAX_RUN_DURATION
        if is_old or is_gone(entry.base_name.partition("+")[0]):
            with contextlib.suppress(OSError):  # another run may be deleting it, too
                store.delete_dir(entry.path)
    return store, f"{root}/{SCRATCH}/{process_name()}+{name}-{uuid4().hex}"
