"""`docker-compose.yml` as compose resolves it; this needs compose, but no Docker daemon.

What goes here: reading the file. What stays out: the expectations (in `test_compose_file` and
`test_rights`), and the running platform (in `platform`).
"""

import os
import shutil
import subprocess
from typing import Any

import pytest
import yaml

from cryptoassets.project import project_root
from cryptoassets_tests.compose.platform import compose_program

ROOT = project_root()


def has_compose() -> bool:
    """Return whether compose is installed; it needs no Docker daemon to check the file."""
    if shutil.which(compose_program()[0]) is None:
        return False
    asked = subprocess.run([*compose_program(), "version"], capture_output=True, check=False)
    return asked.returncode == 0


needs_compose = pytest.mark.skipif(
    not has_compose(), reason="needs docker-compose, or Docker's client with its plugin (no daemon)"
)


def resolved(**environment: str) -> dict[str, Any]:
    """Return the services as compose resolves them without a `.env`."""
    services: dict[str, Any] = resolved_file(**environment)["services"]
    return services


def resolved_file(**environment: str) -> dict[str, Any]:
    """Return the whole file as compose resolves it without a `.env`."""
    completed = subprocess.run(
        [*compose_program(), "--env-file", os.devnull, "config"],
        cwd=ROOT,
        env={"PATH": os.environ["PATH"], "HOME": os.environ.get("HOME", "/")} | environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert completed.returncode == 0, completed.stderr
    file: dict[str, Any] = yaml.safe_load(completed.stdout)
    return file
