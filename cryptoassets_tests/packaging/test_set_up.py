"""How the Makefile runs uv; a script takes uv's place."""

import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

from cryptoassets.project import project_root

UV = """#!/bin/sh
mkdir -p .venv-airflow9
echo "Resolved 2 packages"
echo " + airflow==9.0"
while [ ! -e may_end ]; do sleep 0.05; done
echo "Installed 2 packages"
[ ! -e must_fail ]
"""


def set_up(folder: Path) -> "subprocess.Popen[bytes]":
    """Start make in a folder that contains only what the target needs."""
    (folder / "scripts").mkdir()
    for name in ("Makefile", "pyproject.toml", "uv.lock", "scripts/check_python.py"):
        shutil.copy(project_root() / name, folder / name)
    uv = folder / ".uv" / "bin" / "uv"
    uv.parent.mkdir(parents=True)
    uv.write_text(UV)
    uv.chmod(0o755)
    words = [".venv-airflow9/.ready", "UV=.uv/bin/uv", f"PYTHON={sys.executable}"]
    # Under `make test`, these variables would cause this make to print the folder that it enters.
    outer = {"MAKEFLAGS", "MAKELEVEL", "MFLAGS"}
    environment = {name: value for name, value in os.environ.items() if name not in outer}
    with (folder / "output").open("wb") as output:
        return subprocess.Popen(
            ["make", *words],  # noqa: S607
            cwd=folder,
            env=environment,
            stdout=output,
            stderr=output,
        )


def test_lines_of_uv_are_shown_at_once_without_the_list_of_packages(tmp_path: Path) -> None:
    """A pipe to `sed` would hold the lines back for a minute or two."""
    make = set_up(tmp_path)

    deadline = time.monotonic() + 30
    while "Resolved" not in (tmp_path / "output").read_text() and time.monotonic() < deadline:
        time.sleep(0.05)
    early = (tmp_path / "output").read_text()
    (tmp_path / "may_end").touch()

    assert 0 == make.wait(30)
    assert early.endswith("Resolved 2 packages\n")
    assert (tmp_path / "output").read_text() == early + "Installed 2 packages\n"
    assert (tmp_path / ".venv-airflow9" / ".ready").exists()


def test_a_failure_of_uv_is_a_failure_of_make(tmp_path: Path) -> None:
    """Uv's exit status must not get lost in the pipe."""
    for name in ("may_end", "must_fail"):
        (tmp_path / name).touch()

    assert 2 == set_up(tmp_path).wait(30)
    assert not (tmp_path / ".venv-airflow9" / ".ready").exists()
