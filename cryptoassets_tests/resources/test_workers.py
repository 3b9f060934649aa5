"""Promises on what the driver hands to its workers."""

import subprocess
import sys
from pathlib import Path

import pytest

from cryptoassets.embedded import Stack
from cryptoassets.resources.workers import credentials
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
    """URLs of stores that nobody asks."""
    monkeypatch.setenv("MONGO_URL", "mongodb://me:planted@host:27017/")
    monkeypatch.setenv("POSTGRES_URL", "postgresql://me:planted@host/base")


@pytest.mark.usefixtures("_stores")
def test_urls_lie_in_files_that_only_their_user_reads() -> None:
    """Anyone on the machine may list the folder's path in a command line."""
    given = credentials()

    assert ("mongodb://me:planted@host:27017/", "postgresql://me:planted@host/base") == (
        given.mongo_url(),
        given.postgres_url(),
    )
    files = [Path(str(given.mongo_file)), Path(str(given.postgres_file))]
    assert [0o600, 0o600] == [file.stat().st_mode & 0o777 for file in files]
    assert 0o700 == files[0].parent.stat().st_mode & 0o777


@pytest.mark.usefixtures("_stores")
def test_a_driver_deletes_its_files_and_those_of_one_that_was_killed(
    stack: Stack,
) -> None:
    """No password stays on the disk of a laptop because a run was killed."""
    own = Path(str(credentials().mongo_file))
    ended = _driver("ends")
    left = _driver("is killed")
    was_left = left.exists()
    credentials()

    assert not ended.exists()
    assert (True, False, True) == (was_left, left.exists(), own.exists())


@pytest.mark.usefixtures("_stores")
def test_on_a_cluster_nothing_is_written(monkeypatch: pytest.MonkeyPatch) -> None:
    """A worker cannot read the driver's disk, and has a role of its own."""
    monkeypatch.setenv("SPARK_MASTER", "spark://elsewhere:7077")

    assert Credentials(None, None) == credentials()


def _driver(end: str) -> Path:
    command = [sys.executable, "-c", ONE_DRIVER, end]
    return Path(subprocess.run(command, capture_output=True, text=True, check=False).stdout.strip())
