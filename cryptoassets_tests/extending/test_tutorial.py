"""The tutorial's files and commands work in a copy of the checkout, as they would for a reader."""

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from cryptoassets.project import project_root
from cryptoassets_tests.e2e.conftest import make_platform
from cryptoassets_tests.e2e.platforms import MakePlatform, Platform

__all__ = ["make_platform"]

pytestmark = [pytest.mark.spark, pytest.mark.mongo, pytest.mark.postgres]

PAGE = (project_root() / "docs" / "tutorial.md").read_text(encoding="utf-8")
FILES = re.findall(r"^`(cryptoassets/\S+\.py)`:\n\n```python\n(.*?)```", PAGE, re.M | re.S)


class Checkout:
    """A copy of the package with the tutorial's files, and the stores that its commands use."""

    def __init__(self, folder: Path, platform: Platform) -> None:
        """Copy the package, then write the tutorial's files."""
        self.folder, self.platform = folder, platform
        root = project_root()
        shutil.copytree(root / "cryptoassets", folder / "cryptoassets")
        for name in ("dagster.yaml", "workspace.yaml", "pyproject.toml"):
            shutil.copy(root / name, folder)
        for name, code in FILES:
            (folder / name).write_text(code, encoding="utf-8")

    def command(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Run `cryptoassets` from this copy."""
        return subprocess.run(
            [sys.executable, "-m", "cryptoassets.cli", *arguments],
            cwd=self.folder,
            env=os.environ | self.platform.settings | {"PYTHONPATH": str(self.folder)},
            capture_output=True,
            text=True,
            check=False,
        )


@pytest.fixture
def checkout(make_platform: MakePlatform, tmp_path: Path) -> Iterator[Checkout]:
    """A reader's checkout after step 3, with empty stores."""
    with make_platform(COINCAP_COINS="5") as platform:
        yield Checkout(tmp_path, platform)


def test_the_tutorial_works_as_written(checkout: Checkout) -> None:
    """`run` computes the mart; `audit` finds that rows are missing; `run` computes them again."""
    assert 3 == len(FILES)
    rows = checkout.platform.stores.rows

    first = checkout.command("run")

    assert 0 == first.returncode, first.stdout + first.stderr
    assert "marts/coin_ranges" in first.stdout + first.stderr
    assert [(5,)] == rows("SELECT count(*) FROM marts.coin_ranges WHERE range_pct >= 0")

    rows("DELETE FROM marts.coin_ranges")
    audited = checkout.command("audit")

    assert 1 == audited.returncode, audited.stdout
    again = checkout.command("run")
    assert 0 == again.returncode, again.stdout + again.stderr
    assert [(5,)] == rows("SELECT count(*) FROM marts.coin_ranges")
