"""The tour's own stores and shell, which the user's settings do not affect.

What goes here: creating and removing the tour's home folder, the environment of its commands, and
running them. What stays out: the steps (in `tour`).
"""

import os
import shlex
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from filelock import FileLock, Timeout

from cryptoassets.embedded import Stack
from cryptoassets.environment import without_proxies
from cryptoassets.errors import EmbeddedError
from cryptoassets.project import ENV_FILE
from cryptoassets.settings import Settings, load_settings

_SETTINGS = """\
# Settings of the tour. The project's .env file is not read.
CRYPTOASSETS_CURRENCIES=none
"""
_FOLDER, _LOCK = "tour", "tour.lock"
_GRACE_SECONDS = 5.0
_STOP_SECONDS = 60.0


@dataclass(frozen=True)
class TourHome:
    """The folder of the tour's stores.

    Attributes:
        unset: the user's environment variables that would affect the tour's commands, which run
            without these variables.
    """

    folder: Path
    unset: tuple[str, ...]

    def preparation(self) -> str:
        """Return shell lines that prepare another terminal for the tour's commands."""
        # The virtual environment may not be active in the other terminal.
        programs = shlex.quote(str(Path(sys.executable).parent))
        lines = [
            f'export PATH={programs}:"$PATH"',
            f"export CRYPTOASSETS_HOME={shlex.quote(str(self.folder))}",
        ]
        return "\n".join([*lines, *([f"unset {' '.join(self.unset)}"] if self.unset else [])])

    def run(self, text: str) -> int:
        """Run a shell command, which prints to the output of this process; return its exit code."""
        *lines, last = text.split("\n")
        # With `exec`, our signals reach the program itself instead of the shell.
        script = "\n".join([*lines, f"exec {last}"])
        process = subprocess.Popen(
            ["/bin/sh", "-c", script], env=tour_environment(self.folder), stdin=subprocess.DEVNULL
        )
        try:
            return process.wait()
        except KeyboardInterrupt:
            _stop(process)
            raise


def _stop(process: "subprocess.Popen[bytes]") -> None:
    """End a command; Ctrl-C has already reached it, but SIGTERM to this process alone has not."""
    for seconds, end in ((_GRACE_SECONDS, process.terminate), (_STOP_SECONDS, process.kill)):
        try:
            process.wait(seconds)
        except subprocess.TimeoutExpired:
            end()
        else:
            return
    process.wait()


def is_tour_home(home: Path) -> bool:
    """Return whether a home folder is the tour's, which has a lock file next to it."""
    return home.name == _FOLDER and (home.parent / _LOCK).exists()


def users_settings(environment: Mapping[str, str] = os.environ) -> tuple[str, ...]:
    """Return the names of environment variables that are settings, except CRYPTOASSETS_HOME."""
    names = {name.upper() for name in Settings.model_fields} - {"CRYPTOASSETS_HOME"}
    return tuple(sorted(name for name in environment if name.upper() in names))


def tour_environment(home: Path, environment: Mapping[str, str] = os.environ) -> dict[str, str]:
    """Return the environment of the tour's commands, without the user's settings and proxies."""
    unset = users_settings(environment)
    kept = {name: value for name, value in environment.items() if name not in unset}
    path = f"{Path(sys.executable).parent}{os.pathsep}{environment.get('PATH', '/usr/bin:/bin')}"
    return {**without_proxies(kept), "CRYPTOASSETS_HOME": str(home), "PATH": path}


@contextmanager
def open_tour_home(*, keeps: bool) -> Iterator[TourHome]:
    """Create the tour's home folder; at the end stop its servers and remove the folder.

    An interrupted tour leaves no data behind; the data of a killed tour is removed first.

    Args:
        keeps: keep the folder at the end, and only stop its servers.

    Raises:
        EmbeddedError: another tour is running.
    """
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    parent = load_settings().home
    parent.mkdir(parents=True, exist_ok=True)
    folder = parent / _FOLDER
    lock = FileLock(parent / _LOCK, timeout=0)
    try:
        lock.acquire()
    except Timeout as error:
        raise EmbeddedError(
            f"Another tour is running in {folder}. Wait until it ends, then try again"
        ) from error
    try:
        _remove(folder)
        folder.mkdir()
        (folder / ENV_FILE).write_text(_SETTINGS)
        yield TourHome(folder, users_settings())
    finally:
        if keeps:
            _stack(folder).down()
        else:
            _remove(folder)
        lock.release()


def _stack(folder: Path) -> Stack:
    return Stack(Settings.model_construct(cryptoassets_home=folder), source="simulator")


def _remove(folder: Path) -> None:
    if folder.exists():
        _stack(folder).down(erase=True)
        shutil.rmtree(folder)
