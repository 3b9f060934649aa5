"""Promise: a command for which the machine is too small ends soon, in one sentence.

Limits of the shell stand for a disk, files and memory that are used up: a full disk cannot be made
without the right to mount. That a run heals is part of the story in `test_hostile_environment`.
"""

import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from cryptoassets_tests.e2e.homes import Home

FULL_DISK = "ulimit -f 64"


@pytest.fixture(scope="module")
def home() -> Iterator[Home]:
    """A home in which no run ever ended well."""
    folder = Path(tempfile.mkdtemp(prefix="cryptoassets-home-", dir="/var/tmp"))
    folder.chmod(0o755)
    home = Home(folder)
    yield home
    home.command("down")
    shutil.rmtree(folder, ignore_errors=True)


def java_of(home: Home) -> list[int]:
    """Java programs that work for a home."""
    return [
        process.pid
        for process in psutil.process_iter(["name", "cmdline"])
        # One that has ended and whose parent has not asked yet has no command line.
        if process.info["name"] == "java"
        and str(home.folder) in " ".join(process.info["cmdline"] or [])
    ]


@pytest.mark.parametrize(
    ("limit", "words"),
    [
        (FULL_DISK, "The disk is full, or `ulimit -f` is too low"),
        ("ulimit -n 100", "The limit on open files is too low"),
        ("ulimit -v 2000000", "Memory is used up, or its limit is too low"),
    ],
)
def test_what_is_used_up_is_one_sentence_and_no_java_is_left(
    home: Home, limit: str, words: str
) -> None:
    """`run` hung without bound, or printed a hundred lines of Java and left the JVM behind."""
    finished = home.command("run", limit=limit)

    assert 1 == finished.code, finished.text
    assert words in finished.text
    assert "Traceback" not in finished.text
    assert [] == java_of(home)
