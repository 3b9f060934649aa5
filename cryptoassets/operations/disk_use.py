"""How many bytes the platform uses on disk.

What goes here: the sizes of folders, and of databases on servers that the settings name. What stays
out: the free space (in `monitoring.disk`).
"""

import contextlib
import os
from pathlib import Path

from cryptoassets.embedded.postgres import DATABASES
from cryptoassets.embedded.postgres_files import outside_folder
from cryptoassets.monitoring.warehouse import Connection
from cryptoassets.operations.session import Stores

_DATABASES = """
    SELECT coalesce(sum(pg_database_size(oid)), 0)::bigint FROM pg_database
    WHERE datname = current_database() OR datname = ANY (%s) AND datdba = current_user::regrole
"""


def disk_use(stores: Stores, connection: Connection) -> int:
    """Return the total size of the home folder, the cleaned files and the databases, in bytes.

    Embedded stores are in the home folder (CRYPTOASSETS_HOME); PostgreSQL's data is elsewhere if
    the account that runs PostgreSQL may not enter this folder. Cleaned files are not counted if
    CLEAN_PATH is a URI.
    """
    home, clean = stores.settings.home, stores.stack.clean_path()
    total = _folder_bytes(home)
    if "://" not in clean and not Path(clean).is_relative_to(home):
        total += _folder_bytes(Path(clean))
    if stores.settings.postgres_url:
        [(size,)] = connection.execute(_DATABASES, [list(DATABASES)]).fetchall()
        total += int(size)
    elif outside := outside_folder(stores.stack.source_home / "postgres"):
        total += _folder_bytes(outside)
    if stores.settings.mongo_url:
        statistics = stores.mongo.lake().command("dbStats")
        total += int(statistics["storageSize"] + statistics["indexSize"])
    return total


def _folder_bytes(folder: Path) -> int:
    """Bytes of all files in a folder; files that are deleted during the count are ignored."""
    total, folders = 0, [str(folder)]
    while folders:
        # Path.rglob() takes three times as long.
        with contextlib.suppress(OSError), os.scandir(folders.pop()) as entries:
            for entry in entries:
                with contextlib.suppress(OSError):
                    total += entry.stat(follow_symlinks=False).st_size
                    if entry.is_dir(follow_symlinks=False):
                        folders.append(entry.path)
    return total
