"""An older version of the product, with which some cases compare the current version.

What goes here: creating its folder and its Python environment once, in a cache. What stays out:
running this version (in `cases`).
"""

import os
import shutil
import subprocess
from pathlib import Path

from benchmarks.homes import ROOT, Checkout
from benchmarks.measuring import BenchError

COMMIT = "dcbf970"
CACHE = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "cryptoassets-bench"


def baseline() -> Checkout:
    """Return the checkout of `COMMIT`; create it if it is missing, which takes a minute or two.

    Raises:
        BenchError: this clone does not contain the commit, or the setup failed.
    """
    root = CACHE / COMMIT
    if not root.exists():
        unfinished = CACHE / f"{COMMIT}.new"
        shutil.rmtree(unfinished, ignore_errors=True)
        unfinished.mkdir(parents=True)
        # Extract an archive instead of adding a worktree, which Git would register in this clone.
        _run(["git", "archive", "--format=tar", f"--output={unfinished}/files.tar", COMMIT], ROOT)
        _run(["tar", "-xf", "files.tar"], unfinished)
        unfinished.rename(root)
    if not (root / ".venv" / ".ready").exists():
        print(f"Setting up {COMMIT} in {root}", flush=True)
        _run(["make", "setup"], root)
    return Checkout(COMMIT, root, root / ".venv")


def _run(command: list[str], folder: Path) -> None:
    unset = {"VIRTUAL_ENV", "PYTHONPATH", "MAKEFLAGS", "MAKELEVEL", "UV_PROJECT_ENVIRONMENT"}
    environment = {name: value for name, value in os.environ.items() if name not in unset}
    path = f"{ROOT / '.uv' / 'bin'}:{environment.get('PATH', '')}"
    completed = subprocess.run(
        command,
        cwd=folder,
        env={**environment, "PATH": path},
        capture_output=True,
        text=True,
        check=False,
    )
    if completed.returncode != 0:
        raise BenchError(
            f"{' '.join(command)} failed in {folder}: {completed.stderr[-1500:]}. Cases that "
            f"compare with {COMMIT} need a clone that contains this commit"
        )
