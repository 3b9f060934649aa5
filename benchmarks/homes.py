"""Fresh homes: separate stores, created before and deleted after the measured time.

A home is the folder in `CRYPTOASSETS_HOME`, in which the product keeps its embedded stores.

What goes here: starting the embedded stores of a home with the product's own commands. What stays
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


@dataclass(frozen=True)
class Checkout:
    """A version of the product with its own Python environment.

    Attributes:
        name: the version's name in the results.
        root: the version's folder.
        environment: the folder of the version's Python environment.
    """

    name: str
    root: Path
    environment: Path

    @property
    def command(self) -> Path:
        """The console script `cryptoassets`."""
        return self.environment / "bin" / "cryptoassets"

    @property
    def python(self) -> Path:
        """The Python interpreter."""
        return self.environment / "bin" / "python"


CURRENT = Checkout("ours", ROOT, Path(sys.prefix))


@dataclass(frozen=True)
class Home:
    """A home for one version, with further settings."""

    folder: Path
    checkout: Checkout = CURRENT
    settings: Mapping[str, str] = field(default_factory=dict)

    @property
    def environment(self) -> dict[str, str]:
        """All environment variables for a command in this home, without the caller's settings."""
        kept = {name: os.environ[name] for name in _KEPT if name in os.environ}
        own = {"CRYPTOASSETS_HOME": str(self.folder), "COLUMNS": "300"}
        return {**kept, **own, "DAGSTER_DISABLE_TELEMETRY": "1", **self.settings}

    def with_settings(self, **settings: str) -> "Home":
        """Return the same home with additional settings."""
        return replace(self, settings={**self.settings, **settings})

    def run(self, *arguments: str, may_fail: bool = False) -> str:
        """Run a `cryptoassets` command without measuring it; return its standard output.

        Raises:
            BenchError: the command failed.
        """
        completed = subprocess.run(
            [self.checkout.command, *arguments],
            env=self.environment,
            cwd=self.checkout.root,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
            timeout=3600,
        )
        if completed.returncode != 0 and not may_fail:
            raise BenchError(
                f"{self.checkout.name}: cryptoassets {' '.join(arguments)} exited with "
                f"{completed.returncode}: {completed.stdout[-2000:]}{completed.stderr[-2000:]}"
            )
        return completed.stdout

    def addresses(self) -> dict[str, str]:
        """Return the variables that `cryptoassets env` prints."""
        return dict(line.split("=", 1) for line in shlex.split(self.run("env")))


@contextmanager
def fresh_home(checkout: Checkout = CURRENT, **settings: str) -> Iterator[Home]:
    """Provide a home with running, empty stores; stop and delete them when the block ends."""
    # /tmp may be small.
    folder = Path(tempfile.mkdtemp(prefix="cryptoassets-bench-", dir="/var/tmp"))
    # If this runs as root, PostgreSQL's account must be able to enter the folder.
    folder.chmod(0o755)
    home = Home(folder, checkout, settings)
    try:
        home.run("up")
        yield home
    finally:
        home.run("down", "--erase", "--yes", may_fail=True)
        shutil.rmtree(folder, ignore_errors=True)


def prepare_tables(home: Home) -> None:
    """Create the tables and Dagster's storage with a command that has nothing else to do."""
    home.run("rebuild", "--from", "2026-01-01", "--to", "2026-01-01T01:00")
