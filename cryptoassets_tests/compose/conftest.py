"""The platform that the live tests share; see `test_platform` for what they need."""

import os
import shutil
import subprocess
from collections.abc import Iterator

import pytest

from cryptoassets.settings import project_root
from cryptoassets_tests.compose.platform import Platform

IMAGES = ("postgres", "mongo", "mongo-express", "pgadmin4", "airflow3")
"""What the script of CRYPTOASSETS_STANDINS is asked for; our own images are built by compose."""


@pytest.fixture(scope="session")
def platform(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Platform]:
    """A platform of its own, from nothing; thrown away afterwards, volumes and all.

    Its root is a copy, so that a test can change a line: files are mounted by their path, and one
    of another path would be another container.
    """
    if script := os.environ.get("CRYPTOASSETS_STANDINS"):
        subprocess.run(["bash", script, *IMAGES], check=True, stdout=subprocess.DEVNULL)  # noqa: S607
    root = tmp_path_factory.mktemp("platform") / "clone"
    ignored = shutil.ignore_patterns(".git", ".venv*", ".cryptoassets", ".uv", "__pycache__")
    shutil.copytree(project_root(), root, ignore=ignored)
    started = Platform(root)
    started.compose("down", "-v", "--remove-orphans")
    try:
        started.compose("up", "-d", "--build", seconds=1700)
        yield started
    finally:
        started.compose("down", "-v", "--remove-orphans")
