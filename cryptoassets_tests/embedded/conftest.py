"""Homes of their own for real servers, stopped and deleted after each test."""

import shutil
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from cryptoassets.embedded import Stack
from cryptoassets.settings import Settings

MakeStack = Callable[..., Stack]


@pytest.fixture
def home() -> Iterator[Path]:
    """A home that PostgreSQL's account may enter too; pytest's own folders are closed to it."""
    folder = Path(tempfile.mkdtemp(prefix="cryptoassets-", dir="/var/tmp"))
    folder.chmod(0o755)
    yield folder
    shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture
def said() -> list[str]:
    """What the stacks of this test have reported."""
    return []


@pytest.fixture
def make_stack(home: Path, said: list[str]) -> Iterator[MakeStack]:
    """Make stacks over this test's home, as separate commands would; settings by keyword."""
    made: list[Stack] = []

    def make(**settings: object) -> Stack:
        values = {"cryptoassets_home": home} | settings
        made.append(Stack(Settings(_env_file=None, **values), said.append))
        return made[-1]

    yield make
    for stack in made:
        stack.down()
    make(coincap_api_key=None).down(erase=True)
