"""The folder and the JVM that a process left behind are removed by the next process."""

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from cryptoassets.embedded.owners import process_folder, process_name

_NAME = "from cryptoassets.embedded.owners import process_name; print(process_name())"


@pytest.fixture
def gone(tmp_path: Path) -> Path:
    """The folder of a process that has ended."""
    completed = subprocess.run(
        [sys.executable, "-c", _NAME], capture_output=True, text=True, check=True
    )
    folder = tmp_path / completed.stdout.strip()
    folder.mkdir()
    return folder


@pytest.fixture
def sleeping(gone: Path) -> Iterator[list[subprocess.Popen[bytes]]]:
    """Two processes: one has the folder as its `java.io.tmpdir`, one as an ordinary argument."""
    options = (f"-Djava.io.tmpdir={gone}", str(gone))
    command = [sys.executable, "-c", "import time; time.sleep(60)"]
    processes = [subprocess.Popen([*command, option]) for option in options]
    yield processes
    for process in processes:
        process.kill()
        process.wait()


def test_the_folder_of_a_process_that_is_gone_is_deleted_with_its_jvm(
    gone: Path, sleeping: list[subprocess.Popen[bytes]]
) -> None:
    """A JVM whose folder is deleted while the JVM starts would run forever."""
    jvm, other = sleeping

    mine = process_folder(gone.parent)

    assert -9 == jvm.wait(10)
    assert other.poll() is None
    assert not gone.exists()
    assert mine == gone.parent / process_name()


def test_folders_of_running_processes_stay(tmp_path: Path) -> None:
    """Two commands may run at the same time."""
    mine = process_folder(tmp_path)

    assert mine == process_folder(tmp_path)
    assert mine.exists()
