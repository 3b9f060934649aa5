"""What the driver passes to its workers: its code, and where to find the stores' URLs."""

import shutil
import subprocess
import sys
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pyarrow as pa
import pytest
from pyspark.sql import SparkSession

import cryptoassets
from cryptoassets.embedded import Stack
from cryptoassets.errors import SettingsError
from cryptoassets.resources.spark_errors import spark_errors
from cryptoassets.resources.workers import credentials, package_archive
from cryptoassets.workers import Credentials

ONE_DRIVER = """
import os, sys
from cryptoassets.resources.workers import credentials
print(credentials().mongo_file, flush=True)
if sys.argv[1] == "is killed":
    os.kill(os.getpid(), 9)
"""


@pytest.fixture
def _stores(monkeypatch: pytest.MonkeyPatch) -> None:
    """URLs of stores that the tests never connect to."""
    monkeypatch.setenv("MONGO_URL", "mongodb://me:planted@host:27017/")
    monkeypatch.setenv("POSTGRES_URL", "postgresql://me:planted@host/base")


@pytest.mark.usefixtures("_stores")
def test_urls_are_in_files_that_only_their_user_can_read() -> None:
    """Other users of the machine may know the files' paths, e.g. from a command line."""
    given = credentials()

    assert ("mongodb://me:planted@host:27017/", "postgresql://me:planted@host/base") == (
        given.mongo_url(),
        given.postgres_url(),
    )
    files = [Path(str(given.mongo_file)), Path(str(given.postgres_file))]
    assert [0o600, 0o600] == [file.stat().st_mode & 0o777 for file in files]
    assert 0o700 == files[0].parent.stat().st_mode & 0o777


@pytest.mark.usefixtures("_stores")
def test_a_driver_deletes_its_own_files_and_those_of_a_killed_driver(
    stack: Stack,
) -> None:
    """A killed run must not leave a password on the disk."""
    own = Path(str(credentials().mongo_file))
    of_ended = _driver("ends").exists()
    orphan = _driver("is killed")
    of_killed = orphan.exists()
    credentials()

    assert (False, True, False) == (of_ended, of_killed, orphan.exists())
    assert own.exists()


@pytest.mark.usefixtures("_stores")
def test_no_urls_are_written_for_a_cluster(monkeypatch: pytest.MonkeyPatch) -> None:
    """A cluster's workers cannot read the driver's disk, and use a database role of their own."""
    monkeypatch.setenv("SPARK_MASTER", "spark://elsewhere:7077")

    assert Credentials(None, None) == credentials()


def test_the_same_sources_give_the_same_archive(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Sessions find an archive by its hash, which must not depend on dates or file order."""
    package = tmp_path / "copy" / "cryptoassets"
    shutil.copytree(Path(cryptoassets.__file__).parent, package, copy_function=shutil.copyfile)

    archive = package_archive(tmp_path / "archives")
    monkeypatch.setattr("cryptoassets.__file__", str(package / "__init__.py"))

    assert package_archive(tmp_path / "archives") == archive
    assert "cryptoassets/workers.py" in zipfile.ZipFile(archive).namelist()


@pytest.mark.spark
def test_workers_start_with_the_imports_of_tasks_and_without_our_modules(
    monkeypatch: pytest.MonkeyPatch, session: SparkSession
) -> None:
    """Importing once for all workers saves time.

    Our own modules are not imported: the installed version may be older than the driver's.
    """
    # Spark starts a new daemon for a changed environment, so its workers have not run a task yet.
    monkeypatch.setitem(session.sparkContext.environment, "CRYPTOASSETS_TEST", "fresh")

    def imported(_: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        roots = {name.partition(".")[0] for name in sys.modules}
        yield pa.RecordBatch.from_pydict({"name": sorted(roots)})

    names = session.range(1).mapInArrow(imported, "name string").toArrow()["name"].to_pylist()

    assert {"numpy", "psycopg", "pyarrow", "pydantic_settings", "pymongo"} <= set(names)
    assert not {"cryptoassets", "dagster", "pandas"} & set(names)


@pytest.mark.spark
def test_our_own_error_in_a_task_is_the_same_error_in_the_driver(session: SparkSession) -> None:
    """Spark wraps an error of a task in a page of stack traces."""
    unusable = Credentials(mongo_file="/missing/file")

    def ask(_: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        unusable.mongo_url()
        yield from ()

    with pytest.raises(SettingsError, match=r"^On .* MONGO_URL_FILE names /missing/file.*file$"):  # noqa: SIM117
        with spark_errors():
            session.range(1).mapInArrow(ask, "id long").collect()


def _driver(end: str) -> Path:
    command = [sys.executable, "-c", ONE_DRIVER, end]
    return Path(subprocess.run(command, capture_output=True, text=True, check=False).stdout.strip())
