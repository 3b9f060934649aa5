"""If a resource is short, a command ends soon and reports the cause in one sentence.

Shell limits (`ulimit`) restrict open files, memory and file sizes. `test_hostile_environment` tests
a disk that is full from the start, and the run after that.
"""

import hashlib
import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from cryptoassets_tests.e2e.homes import Home
from cryptoassets_tests.e2e.platforms import put_faults

_ALMOST_FULL_DISK = "ulimit -f 160"
"""At most 80 kB per file. Servers that are already running are not limited."""
_LARGE_TEXT = "".join(hashlib.sha256(bytes([n % 256, n // 256])).hexdigest() for n in range(3_000))
"""Hashes hardly compress, so the Parquet file of a coin with this text exceeds the limit."""
_LARGE_COIN = {
    "route": "/assets",
    "kind": "patch",
    "coins": {"solana": {"set": {"explorer": f"https://{_LARGE_TEXT}"}}},
}
_LOADED = "SELECT sum(loaded_rows) FROM warehouse.loads WHERE asset = 'warehouse/coin_prices'"
# Root can write to a read-only folder, unless it drops these capabilities.
_AS_OTHERS = 'exec setpriv --bounding-set -dac_override,-dac_read_search,-fowner "$0" "$@"'


@pytest.fixture
def home() -> Iterator[Home]:
    """A new home, because a test may leave documents or a JVM that is about to end."""
    folder = Path(tempfile.mkdtemp(prefix="cryptoassets-home-", dir="/var/tmp"))
    folder.chmod(0o755)
    home = Home(folder)
    yield home
    home.command("down")
    shutil.rmtree(folder, ignore_errors=True)


def java_of(folder: Path) -> list[int]:
    """Ids of the Java processes whose command line contains the path of this folder."""
    return [
        process.pid
        for process in psutil.process_iter(["name", "cmdline"])
        # A process that has ended and whose parent has not waited for it yet has no command line.
        if process.info["name"] == "java" and str(folder) in " ".join(process.info["cmdline"] or [])
    ]


@pytest.mark.long
@pytest.mark.parametrize(
    ("limit", "words"),
    [
        ("ulimit -n 100", "The limit on open files is too low"),
        ("ulimit -v 2000000", "Memory is used up, or its limit is too low"),
        ("ulimit -v 1200000", "Memory is used up, or its limit is too low"),
    ],
)
def test_a_resource_shortage_is_reported_in_one_sentence_and_no_java_is_left(
    home: Home, limit: str, words: str
) -> None:
    """`run` used to hang, or to print a hundred lines of Java output and leave the JVM running."""
    finished = home.command("run", limit=limit)

    assert 1 == finished.code, finished.text
    assert words in finished.text
    assert "Traceback" not in finished.text
    assert [] == java_of(home.folder)


def test_a_read_only_home_is_reported_in_one_sentence(home: Home) -> None:
    """Linux may remount a volume read-only after a disk error."""
    home.folder.chmod(0o500)
    try:
        finished = home.command("run", limit=_AS_OTHERS if os.geteuid() == 0 else "true")
    finally:
        home.folder.chmod(0o755)

    assert 1 == finished.code, finished.text
    assert "is not writable" in finished.text, finished.text
    assert "or set CRYPTOASSETS_HOME to a writable folder" in finished.text
    assert "Traceback" not in finished.text
    assert [] == java_of(home.folder)


@pytest.mark.long
def test_a_disk_that_fills_after_the_fetch_is_reported_in_one_sentence(home: Home) -> None:
    """The documents are stored, so the next run has to publish them."""
    assert 0 == home.command("up").code
    put_faults(home.settings["COINCAP_URL"], _LARGE_COIN)

    finished = home.command("run", limit=_ALMOST_FULL_DISK)
    _, left = psutil.wait_procs(map(psutil.Process, java_of(home.folder)), timeout=10)
    fetched = home.stores.documents()
    following = home.command("run")

    assert 1 == finished.code, finished.text
    assert "The disk is full, or `ulimit -f` is too low" in finished.text
    assert "Traceback" not in finished.text
    assert [] == left
    assert 100 == len(fetched)
    assert 0 == following.code, following.text
    (loaded,) = home.stores.rows(_LOADED)
    assert len(home.stores.documents()) == loaded[0]
