"""Runs the product as a user does: each command is a separate process, in a fresh home.

What goes here: starting the console script with only its home set. What stays out: running the
product in the test process (in `platforms`).
"""

import os
import shlex
import stat
import subprocess
import sys
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from cryptoassets_tests.conftest import SINCE
from cryptoassets_tests.e2e.platforms import CommandResult
from cryptoassets_tests.e2e.stores import Stores

COMMAND = Path(sys.executable).parent / "cryptoassets"
_MAX_SECONDS = 150


@dataclass(frozen=True)
class Home:
    """A folder for CRYPTOASSETS_HOME; commands use the embedded stores and source in it."""

    folder: Path
    umask: int = -1
    """The umask of the command; -1 means the umask of the tests."""

    def command(self, *arguments: str, limit: str = "true", **environment: str) -> CommandResult:
        """Run the console script to its end, in a folder outside the project.

        Args:
            arguments: the command's arguments.
            limit: shell command that runs first, e.g. `ulimit -n 100`.
            environment: variables in addition to `user_environment`.
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
            timeout=_MAX_SECONDS,
            umask=self.umask,
        )
        return CommandResult(finished.returncode, finished.stdout)

    def open_to_others(self) -> list[str]:
        """Files that other users can read, write or run, and folders that they can list or change.

        Files may disappear during the search, because a JVM that ends deletes its temporary files.
        """
        found = []
        for path in self.folder.rglob("*"):
            try:
                mode = path.lstat().st_mode
            except FileNotFoundError:
                continue
            allowed = 0o011 if stat.S_ISDIR(mode) else 0
            if not stat.S_ISLNK(mode) and mode & 0o077 & ~allowed:
                found.append(f"{stat.filemode(mode)} {path.relative_to(self.folder)}")
        return found

    @cached_property
    def settings(self) -> dict[str, str]:
        """The output of `cryptoassets env`, parsed as a shell would parse it."""
        lines = shlex.split(self.command("env").text)
        return dict(line.split("=", 1) for line in lines)

    @property
    def stores(self) -> Stores:
        """The stores at the addresses that `cryptoassets env` prints."""
        named = self.settings
        return Stores(
            named["MONGO_URL"],
            named["MONGO_DATABASE"],
            named["POSTGRES_URL"],
            Path(named["CLEAN_PATH"]),
        )


def user_environment() -> dict[str, str]:
    """Return a user's environment. It lacks PYTHONUNBUFFERED, so output to pipes is buffered."""
    kept = ("PATH", "HOME", "LANG", "LC_ALL", "TMPDIR", "USER")
    named = {"COLUMNS": "300", "CRYPTOASSETS_SINCE": SINCE}
    return {name: os.environ[name] for name in kept if name in os.environ} | named
