"""What the driver passes to Spark's workers: where to find the stores' URLs, and its own code.

What goes here: code that runs in the driver. What stays out: code that runs in a worker (in the
top-level module `workers`).
"""

import atexit
import contextlib
import hashlib
import io
import os
import tempfile
import zipfile
from pathlib import Path

from pyspark.sql import SparkSession

import cryptoassets
from cryptoassets.embedded import Stack
from cryptoassets.embedded.owners import is_gone, process_name
from cryptoassets.settings import load_settings
from cryptoassets.workers import Credentials, code_hash

_FIRST_DATE_OF_ZIP = (1980, 1, 1, 0, 0, 0)
_shipped: set[str] = set()
"""Ids of the Spark applications whose workers have received this package."""


def ship_package(session: SparkSession) -> None:
    """Send this process's package to a session's workers, to be used instead of an installed one.

    Only the first call per session sends it. A local Spark needs nothing: it reads the same files.
    """
    # Computed and cached now, while the files are still those that this process imported.
    code_hash()
    context = session.sparkContext
    if str(context.master).startswith("local") or context.applicationId in _shipped:
        return
    context.addPyFile(str(package_archive(Stack(load_settings()).spark_folder / "code")))
    _shipped.add(context.applicationId)


def package_archive(folder: Path) -> Path:
    """Return this package as an importable archive; the same sources give the same bytes.

    Args:
        folder: where archives are stored, one per version of the sources.
    """
    root = Path(cryptoassets.__file__).parent
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w", zipfile.ZIP_DEFLATED) as archive:
        for source in sorted(root.rglob("*")):
            if source.is_file() and source.suffix != ".pyc":
                name = source.relative_to(root.parent).as_posix()
                entry = zipfile.ZipInfo(name, _FIRST_DATE_OF_ZIP)
                archive.writestr(entry, source.read_bytes(), zipfile.ZIP_DEFLATED)
    digest = hashlib.sha256(content.getbuffer()).hexdigest()[:16]
    path = folder / f"cryptoassets-{digest}.zip"
    if not path.exists():
        folder.mkdir(exist_ok=True)
        with tempfile.NamedTemporaryFile(dir=folder, delete=False) as file:
            file.write(content.getbuffer())
        Path(file.name).replace(path)
    return path


def credentials(*, mongo: bool = True, postgres: bool = True) -> Credentials:
    """Return where tasks find the stores' URLs, without the URLs themselves.

    For a local Spark, the URLs are written to files that only this user can read. These files are
    deleted when this process ends or, if it is killed, by the next driver. For a cluster, nothing
    is written: the environment of each worker names the files with its URLs.

    Args:
        mongo: whether tasks read the data lake. If so, the embedded MongoDB is started if needed.
        postgres: whether tasks write to PostgreSQL. If so, the embedded one is started if needed.
    """
    settings = load_settings()
    if not settings.spark_master.startswith("local"):
        return Credentials()
    stack = Stack(settings)
    folder = stack.spark_folder / "credentials"
    folder.mkdir(exist_ok=True)
    folder.chmod(0o700)
    _delete_orphans(folder)
    return Credentials(
        _write(folder, "mongo", stack.mongo_url()) if mongo else None,
        _write(folder, "postgres", stack.postgres_url()) if postgres else None,
    )


def _write(folder: Path, store: str, url: str) -> str:
    path = folder / f"{process_name()}.{store}"
    if not path.exists():
        atexit.register(_delete, path, os.getpid())
    # Replaced atomically, because tasks may be reading the file. Only this user can read mkstemp's
    # files.
    handle, temporary = tempfile.mkstemp(dir=folder, prefix=f"{process_name()}.")
    with os.fdopen(handle, "w", encoding="utf-8") as file:
        file.write(url)
    return str(Path(temporary).replace(path))


def _delete(path: Path, owner: int) -> None:
    # A forked child of this process also calls this at its exit, and must not delete the file.
    if os.getpid() == owner:
        path.unlink(missing_ok=True)


def _delete_orphans(folder: Path) -> None:
    for file in folder.iterdir():
        if is_gone(file.name.rpartition(".")[0]):
            with contextlib.suppress(OSError):  # another driver may be deleting it, too
                file.unlink()
