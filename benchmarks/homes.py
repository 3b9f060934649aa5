"""Fresh homes: stores of their own for one run, made and thrown away outside the measured time.

What goes here: starting the embedded stores of a home by the product's own commands. What stays
out: the MongoDB-compatible server that all runs share (in `servers`).
"""

import os
import shlex
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path

from benchmarks.measuring import BenchError

ROOT = Path(__file__).resolve().parent.parent
_KEPT = ("PATH", "HOME", "LANG", "LC_ALL", "USER", "JAVA_HOME")
_PREPARING_SECONDS = 300


@dataclass(frozen=True)
class Checkout:
    """A version of the product with an environment of its own.

    Attributes:
        name: as in the results.
        root: its folder.
        environment: folder of its Python environment.
    """

    name: str
    root: Path
    environment: Path

    @property
    def command(self) -> Path:
        """The console script."""
        return self.environment / "bin" / "cryptoassets"

    @property
    def python(self) -> Path:
        """Its interpreter."""
        return self.environment / "bin" / "python"


CURRENT = Checkout("ours", ROOT, Path(sys.prefix))


@dataclass(frozen=True)
class Home:
    """A CRYPTOASSETS_HOME of one version, and further settings."""

    folder: Path
    checkout: Checkout = CURRENT
    settings: Mapping[str, str] = field(default_factory=dict)

    @property
    def environment(self) -> dict[str, str]:
        """All that a command of this home sees: nothing of the caller's settings."""
        kept = {name: os.environ[name] for name in _KEPT if name in os.environ}
        own = {"CRYPTOASSETS_HOME": str(self.folder), "COLUMNS": "300"}
        return {**kept, **own, "DAGSTER_DISABLE_TELEMETRY": "1", **self.settings}

    def but(self, **settings: str) -> "Home":
        """The same home with other settings."""
        return replace(self, settings={**self.settings, **settings})

    def run(self, *arguments: str, may_fail: bool = False) -> str:
        """Run a command of the product, unmeasured; return what it printed on stdout.

        Raises:
            BenchError: it failed.
        """
        ended = subprocess.run(
            [self.checkout.command, *arguments],
            env=self.environment,
            cwd=self.checkout.root,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
            timeout=3600,
        )
        if ended.returncode != 0 and not may_fail:
            raise BenchError(
                f"{self.checkout.name}: cryptoassets {' '.join(arguments)} exited with "
                f"{ended.returncode}: {ended.stdout[-2000:]}{ended.stderr[-2000:]}"
            )
        return ended.stdout

    def addresses(self) -> dict[str, str]:
        """What `cryptoassets env` prints."""
        return dict(line.split("=", 1) for line in shlex.split(self.run("env")))


@contextmanager
def fresh_home(checkout: Checkout = CURRENT, **settings: str) -> Iterator[Home]:
    """A home whose stores run, without a row; stopped and deleted at the end."""
    # Not /tmp, which may be small; and root's PostgreSQL runs as another account, that must pass.
    folder = Path(tempfile.mkdtemp(prefix="cryptoassets-bench-", dir="/var/tmp"))
    folder.chmod(0o755)
    home = Home(folder, checkout, settings)
    try:
        home.run("up")
        yield home
    finally:
        home.run("down", "--erase", "--yes", may_fail=True)
        shutil.rmtree(folder, ignore_errors=True)


def prepare_tables(home: Home) -> None:
    """Have tables and Dagster's storage made, as after any first command.

    By the command that works on stores without a document: it finds nothing to do.
    """
    home.run("rebuild", "--from", "2026-01-01", "--to", "2026-01-01T01:00")
