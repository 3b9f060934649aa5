"""The running platform that tests share; `test_platform` describes what they need."""

import os
import shutil
import subprocess
from collections.abc import Iterator

import pytest

from cryptoassets.project import project_root
from cryptoassets_tests.compose.platform import Platform

IMAGES = ("postgres", "mongo", "mongo-express", "pgadmin4", "airflow3")
"""Official images that the script in CRYPTOASSETS_STANDINS replaces; compose builds the others."""


@pytest.fixture(scope="session")
def platform(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Platform]:
    """A new, separate platform; deleted afterwards, including its volumes.

    Its root is a copy of the project, so that a test can change files. All tests use the same copy,
    because files are mounted by path and another path would recreate the containers.
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
