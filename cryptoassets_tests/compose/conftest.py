"""The platform that the live tests share; see `test_platform` for what they need."""

import os
import subprocess
from collections.abc import Iterator

import pytest

from cryptoassets.settings import project_root
from cryptoassets_tests.compose.platform import Platform

IMAGES = ("postgres", "mongo", "mongo-express", "pgadmin4", "airflow3")
"""What the script of CRYPTOASSETS_STANDINS is asked for; our own images are built by compose."""


@pytest.fixture(scope="session")
def platform() -> Iterator[Platform]:
    """A platform of its own, from nothing; thrown away afterwards, volumes and all."""
    if script := os.environ.get("CRYPTOASSETS_STANDINS"):
        subprocess.run(["bash", script, *IMAGES], check=True, stdout=subprocess.DEVNULL)  # noqa: S607
    started = Platform(project_root())
    started.compose("down", "-v", "--remove-orphans")
    try:
        started.compose("up", "-d", "--build", seconds=1700)
        yield started
    finally:
        started.compose("down", "-v", "--remove-orphans")
