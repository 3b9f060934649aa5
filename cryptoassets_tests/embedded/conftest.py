"""Gives each test its own home with real servers, which are stopped and deleted afterwards."""

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
    """A CRYPTOASSETS_HOME that PostgreSQL's account can enter, unlike pytest's own folders."""
    folder = Path(tempfile.mkdtemp(prefix="cryptoassets-", dir="/var/tmp"))
    folder.chmod(0o755)
    yield folder
    shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(scope="session")
def initialised_files() -> Iterator[Path]:
    """PostgreSQL's folder after a first start, made only once: it takes almost a second of CPU."""
    folder = Path(tempfile.mkdtemp(prefix="cryptoassets-", dir="/var/tmp"))
    folder.chmod(0o755)
    stack = Stack(Settings(_env_file=None, cryptoassets_home=folder))
    stack.postgres_url()
    stack.down()
    yield folder / "postgres"
    shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture
def later_start(home: Path, initialised_files: Path) -> None:
    """Copy PostgreSQL's files to the home, for tests that do not need a first start."""
    # `shutil` would change the owner: if we are root, the files belong to another account.
    subprocess.run(["/bin/cp", "-a", str(initialised_files), str(home)], check=True)


@pytest.fixture
def messages() -> list[str]:
    """The messages that the stacks of this test have reported."""
    return []


@pytest.fixture
def make_stack(home: Path, messages: list[str]) -> Iterator[MakeStack]:
    """Create stacks on this test's home, as separate commands would; keywords are settings."""
    stacks: list[Stack] = []

    def make(**settings: object) -> Stack:
        values = {"cryptoassets_home": home} | settings
        stacks.append(Stack(Settings(_env_file=None, **values), messages.append))
        return stacks[-1]

    yield make
    for stack in stacks:
        stack.down()
    make(coincap_api_key=None).down(erase=True)
