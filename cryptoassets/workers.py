"""What a task in a Spark worker needs besides its input: the stores' URLs, and the driver's code.

What goes here: code that runs in Spark's Python workers. It imports neither Dagster nor PySpark,
because every worker would have to load them. What stays out: the code for the driver (in
`resources.workers`).
"""

import hashlib
import os
import socket
import sys
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import cache
from importlib import resources
from importlib.resources.abc import Traversable
from typing import TYPE_CHECKING

from cryptoassets.environment import secret_from_file
from cryptoassets.errors import SettingsError, WorkerCodeError

if TYPE_CHECKING:
    import pyarrow as pa

_RUN_BY_WORKERS = frozenset(
    {
        *("coincap", "partitions", "schemas", "stores", "transforms"),
        *("__init__.py", "definition_settings.py", "environment.py", "errors.py"),
        *("libpq.py", "origins.py", "project.py"),
        *("setting_values.py", "settings.py", "shortages.py", "workers.py"),
    }
)
"""Modules and packages that tasks may import; changes to other modules do not affect workers."""


@dataclass(frozen=True)
class Credentials:
    """Where a task reads the stores' URLs; contains only paths, so it may be sent and logged.

    Attributes:
        mongo_file: the driver's file with MongoDB's URL, used if the worker's environment names no
            file; None: the worker's environment must name a file.
        postgres_file: the same for PostgreSQL.
    """

    mongo_file: str | None = None
    postgres_file: str | None = None

    def mongo_url(self) -> str:
        """Read MongoDB's URL, in the worker.

        Raises:
            SettingsError: no file is named, or it cannot be read.
        """
        return _read_url("MONGO_URL_FILE", self.mongo_file)

    def postgres_url(self) -> str:
        """Read PostgreSQL's URL, in the worker.

        Raises:
            SettingsError: no file is named, or it cannot be read.
        """
        return _read_url("POSTGRES_URL_FILE", self.postgres_file)


@cache
def code_hash() -> str:
    """Return a hash of the code that tasks run, and Python's version: `0123456789abcdef/3.11`.

    The code is that of the package that this process imports, from a folder or an archive.
    """
    package = resources.files(__name__.partition(".")[0])
    digest = hashlib.sha256()
    for name, source in sorted(_sources(package), key=lambda pair: pair[0]):
        content = source.read_bytes()
        digest.update(f"{name} {len(content)}\n".encode())
        digest.update(content)
    return f"{digest.hexdigest()[:16]}/{sys.version_info.major}.{sys.version_info.minor}"


def fail_if_code_differs(expected: str) -> None:
    """Fail if this worker runs different code, or a different Python version, than the driver.

    Args:
        expected: `code_hash()` of the driver.

    Raises:
        WorkerCodeError: the code or the Python version differs.
    """
    found = code_hash()
    if found == expected:
        return
    driver, worker = expected.partition("/")[2], found.partition("/")[2]
    versions = f"; the driver has Python {driver}, this worker {worker}" if driver != worker else ""
    raise WorkerCodeError(
        f"The Spark worker on {socket.gethostname()} runs different code than the driver: {found} "
        f"instead of {expected}{versions}. A retry in the same driver process will not help; "
        "restart the driver, and give the workers the driver's Python"
    )


def run_task(
    batches: Iterable["pa.RecordBatch"],
    work: Callable[[int], Iterable["pa.RecordBatch"]],
    code: str,
) -> Iterator["pa.RecordBatch"]:
    """Run one task of a Spark job, in the worker.

    Args:
        batches: batches with one column, which contains the number of the task.
        work: is called with the number of the task, and yields the batches of its result.
        code: `code_hash()` of the driver.

    Raises:
        WorkerCodeError: the worker runs different code.
    """
    import pyarrow as pa  # noqa: PLC0415 - the command line only needs `code_hash`

    fail_if_code_differs(code)
    for batch in batches:
        for number in batch.column(0).to_pylist():
            yield from work(number)
    # The worker process stays alive for the next task, so it must return unused memory.
    pa.default_memory_pool().release_unused()


def _read_url(variable: str, driver_file: str | None) -> str:
    host = socket.gethostname()
    path = os.environ.get(variable) or driver_file
    if path is None:
        raise SettingsError(
            f"{variable} is not set for the Spark worker on {host}. A retry will not help; set it "
            "in the environment of Spark's worker to a file that contains the URL"
        )
    try:
        return secret_from_file(variable, path)
    except SettingsError as error:
        raise SettingsError(f"On the Spark worker {host}: {error}") from error


def _sources(package: Traversable) -> Iterator[tuple[str, Traversable]]:
    for entry in package.iterdir():
        if entry.name in _RUN_BY_WORKERS:
            yield from _below(entry.name, entry)


def _below(name: str, entry: Traversable) -> Iterator[tuple[str, Traversable]]:
    if entry.is_dir():
        for child in entry.iterdir():
            yield from _below(f"{name}/{child.name}", child)
    elif name.endswith((".py", ".sql")):
        yield name, entry
