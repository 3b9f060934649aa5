"""Extras: which are installed, and the command that installs the others."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from cryptoassets.extras import EXTRAS, how_to_install, is_installed
from cryptoassets.project import project_root


def test_an_extra_is_installed_only_if_all_its_modules_are(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The dashboard needs two packages."""
    assert is_installed("dashboard")

    monkeypatch.setitem(sys.modules, "plotly", None)

    assert not is_installed("dashboard")


def test_every_extra_of_the_project_is_known() -> None:
    """`doctor` would not list an unknown extra."""
    lines = (project_root() / "pyproject.toml").read_text().splitlines()
    start = lines.index("[project.optional-dependencies]") + 1

    assert list(EXTRAS) == [
        line.partition(" ")[0] for line in lines[start : lines.index("", start)]
    ]


def test_only_in_a_checkout_make_run_is_a_way_to_install_extras(tmp_path: Path) -> None:
    """Whoever installed the wheel has no Makefile."""
    pip = "pip install 'cryptoassets[alerts,xlsx]'"
    shutil.copytree(project_root() / "cryptoassets", tmp_path / "cryptoassets")
    code = (
        "from cryptoassets.extras import how_to_install; print(how_to_install(['alerts', 'xlsx']))"
    )

    outside = subprocess.run(
        [sys.executable, "-c", code],
        env=os.environ | {"PYTHONPATH": str(tmp_path)},
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=True,
    )

    assert pip == outside.stdout.strip()
    assert f"{pip}; `make run` installs all extras" == how_to_install(["alerts", "xlsx"])
