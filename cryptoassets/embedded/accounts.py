"""The account that runs PostgreSQL if we are root, because PostgreSQL refuses to run as root.

What goes here: choosing the account and checking what it can access. What stays out: where the
files go if the account cannot access our folder (in `postgres_files`). This module creates no
account and changes no permissions.
"""

import os
import pwd
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cryptoassets.errors import EmbeddedError


@dataclass(frozen=True)
class Account:
    """An account of this machine."""

    name: str
    uid: int
    gid: int

    def as_options(self) -> dict[str, Any]:
        """Return the arguments that make `subprocess` run a program as this account."""
        return {"user": self.uid, "group": self.gid, "extra_groups": []}

    def can_enter(self, folder: Path) -> bool:
        """Return whether this account may enter `folder`."""
        return self._succeeds("/bin/sh", "-c", 'cd "$1"', "sh", str(folder))

    def can_run(self, program: Path) -> bool:
        """Return whether this account may run `program --version`."""
        return self._succeeds(str(program), "--version")

    def _succeeds(self, *command: str) -> bool:
        try:
            completed = subprocess.run(
                command, cwd="/", capture_output=True, check=False, **self.as_options()
            )
        except OSError:
            return False
        return completed.returncode == 0


def server_account(existing: Path) -> Account | None:
    """Return the account to run PostgreSQL as; None: the current user, who is not root.

    Args:
        existing: the data folder; if it exists, its owner is used.

    Raises:
        EmbeddedError: we are root and this machine has no suitable account.
    """
    if os.geteuid() != 0:
        return None
    owner = existing.stat().st_uid if existing.exists() else 0
    for entry in pwd.getpwall() if owner else ():
        if entry.pw_uid == owner:
            return Account(entry.pw_name, entry.pw_uid, entry.pw_gid)
    for name in ("postgres", "nobody"):
        try:
            entry = pwd.getpwnam(name)
        except KeyError:
            continue
        return Account(entry.pw_name, entry.pw_uid, entry.pw_gid)
    raise EmbeddedError(
        "PostgreSQL does not run as root, and this machine has no account `postgres` or `nobody`. "
        "Run as a user other than root, or set POSTGRES_URL to a running server"
    )
