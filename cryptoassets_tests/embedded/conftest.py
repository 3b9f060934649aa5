"""A separate home with real servers for each test, stopped and deleted afterwards."""

import shutil
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from cryptoassets.embedded import Stack
from cryptoassets.settings import Settings

MakeStack = Callable[..., Stack]


@pytest.fixture
def home() -> Iterator[Path]:
    """A home that PostgreSQL's account can enter; it cannot enter pytest's own folders."""
    folder = Path(tempfile.mkdtemp(prefix="cryptoassets-", dir="/var/tmp"))
    folder.chmod(0o755)
    yield folder
    shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(scope="session")
def initialised_files() -> Iterator[Path]:
    """PostgreSQL's folder in a home after the first start, which takes almost a second of CPU."""
    folder = Path(tempfile.mkdtemp(prefix="cryptoassets-", dir="/var/tmp"))
    folder.chmod(0o755)
    stack = Stack(Settings(_env_file=None, cryptoassets_home=folder))
    stack.postgres_url()
    stack.down()
    yield folder / "postgres"
    shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture
def later_start(home: Path, initialised_files: Path) -> None:
    """A home that already has PostgreSQL's files, for tests that do not need a first start."""
    # Not `shutil`: if we are root, another account owns the files.
    subprocess.run(["/bin/cp", "-a", str(initialised_files), str(home)], check=True)


@pytest.fixture
def messages() -> list[str]:
    """The messages that the stacks of this test have reported."""
    return []


@pytest.fixture
def make_stack(home: Path, messages: list[str]) -> Iterator[MakeStack]:
    """Create stacks on this test's home, as separate commands would; settings by keyword."""
    stacks: list[Stack] = []

    def make(**settings: object) -> Stack:
        values = {"cryptoassets_home": home} | settings
        stacks.append(Stack(Settings(_env_file=None, **values), messages.append))
        return stacks[-1]

    yield make
    for stack in stacks:
        stack.down()
    make(coincap_api_key=None).down(erase=True)
