"""The product as its user has it: the command as a process of its own, in a fresh home.

What goes here: starting the console script with nothing set but its home. What stays out: the
product in this process (in `platforms`).
"""

import os
import shlex
import stat
import subprocess
import sys
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from cryptoassets_tests.e2e.platforms import Finished
from cryptoassets_tests.e2e.stores import Stores

COMMAND = Path(sys.executable).parent / "cryptoassets"
_LONGEST_SECONDS = 150


@dataclass(frozen=True)
class Home:
    """A folder that CRYPTOASSETS_HOME names; stores and source are the embedded ones."""

    folder: Path
    umask: int = -1
    """Of the shell; -1: that of the tests."""

    def command(self, *arguments: str, limit: str = "true", **environment: str) -> Finished:
        """Run the console script to its end, in a folder that is not the project's.

        Args:
            arguments: of the command.
            limit: command of the shell that goes before, e.g. `ulimit -n 100`.
            environment: besides that of a person.
        """
        finished = subprocess.run(
            ["/bin/sh", "-c", f'{limit} && exec "$0" "$@"', COMMAND, *arguments],
            env=user_environment() | {"CRYPTOASSETS_HOME": str(self.folder)} | environment,
            cwd=self.folder,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
            timeout=_LONGEST_SECONDS,
            umask=self.umask,
        )
        return Finished(finished.returncode, finished.stdout)

    def open_to_others(self) -> list[str]:
        """Files that another user may read, write or run, and folders to more than pass through."""
        found = []
        for path in self.folder.rglob("*"):
            mode = path.lstat().st_mode
            allowed = 0o011 if stat.S_ISDIR(mode) else 0
            if not stat.S_ISLNK(mode) and mode & 0o077 & ~allowed:
                found.append(f"{stat.filemode(mode)} {path.relative_to(self.folder)}")
        return found

    @cached_property
    def settings(self) -> dict[str, str]:
        """What `cryptoassets env` prints, as a shell would read it."""
        lines = shlex.split(self.command("env").text)
        return dict(line.split("=", 1) for line in lines)

    @property
    def stores(self) -> Stores:
        """The stores by the addresses that `env` gives."""
        named = self.settings
        return Stores(
            named["MONGO_URL"],
            named["MONGO_DATABASE"],
            named["POSTGRES_URL"],
            Path(named["CLEAN_PATH"]),
        )


def user_environment() -> dict[str, str]:
    """The environment of a person: nothing of ours, output into a pipe as buffered as ever."""
    kept = ("PATH", "HOME", "LANG", "LC_ALL", "TMPDIR", "USER")
    return {name: os.environ[name] for name in kept if name in os.environ} | {"COLUMNS": "300"}
