"""The platform under attack: its separate home, its commands and its stores.

What goes here: starting commands, the addresses of the stores. What stays out: finding processes
(in `victims`), what must hold (in `promises`).
"""

import os
import subprocess
import sys
import time
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType

import psycopg

from cryptoassets.embedded import Stack
from cryptoassets.settings import Settings
from cryptoassets_tests.e2e.homes import COMMAND
from cryptoassets_tests.e2e.stores import Stores
from cryptoassets_tests.faults.attacks import LAUNCH, RETENTION_DAYS
from cryptoassets_tests.faults.victims import family, ignoring_ended

_LAUNCH_MODULE = "cryptoassets_tests.faults.launch"
COINS = "20"
_RUN_SECONDS = 8.0
"""How long `run` takes on idle cores; on a slower machine, attacks start later."""


@dataclass
class Running:
    """A command that has been started; its output goes to a file."""

    arguments: tuple[str, ...]
    process: "subprocess.Popen[bytes]"
    output: Path

    def wait(self, seconds: float) -> int | None:
        """Return the exit code, or None if the command has not ended within `seconds`."""
        try:
            return self.process.wait(seconds)
        except subprocess.TimeoutExpired:
            return None

    def text(self) -> str:
        """Return what the command has printed so far."""
        return self.output.read_text(errors="replace")


class FaultHome:
    """A home whose commands run as a user would run them, with 20 simulated coins."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._outputs = 0
        self._run_seconds: deque[float] = deque(maxlen=3)
        self.stack = Stack(Settings(_env_file=None, cryptoassets_home=folder))

    @property
    def pace(self) -> float:
        """How many times slower this machine is than an idle machine, by the latest runs."""
        return max(1.0, min(self._run_seconds, default=_RUN_SECONDS) / _RUN_SECONDS)

    def environment(self) -> dict[str, str]:
        """Return the environment of every command, which identifies this campaign's processes."""
        kept = {name: os.environ[name] for name in ("PATH", "HOME", "LANG") if name in os.environ}
        return kept | {
            "CRYPTOASSETS_HOME": str(self.folder),
            "COINCAP_COINS": COINS,
            "CRYPTOASSETS_RETENTION_DAYS": str(RETENTION_DAYS),
            "COLUMNS": "200",
        }

    def start(
        self, *arguments: str, environment: Mapping[str, str] = MappingProxyType({})
    ) -> Running:
        """Start a command or launch a run, in its own session: signals to it reach nothing else."""
        self._outputs += 1
        command = [str(COMMAND), *arguments]
        if arguments[0] == LAUNCH:
            command = [sys.executable, "-m", _LAUNCH_MODULE, *arguments[1:]]
        output = self.folder.parent / f"output-{self._outputs:04d}.txt"
        with output.open("wb") as file:
            process = subprocess.Popen(
                command,
                env={**self.environment(), **environment},
                cwd=self.folder.parent,
                stdin=subprocess.DEVNULL,
                stdout=file,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        return Running(arguments, process, output)

    def run(self, *arguments: str, seconds: float = 900) -> tuple[int | None, str]:
        """Run a command; return its exit code (None if it did not end) and its output."""
        started = time.monotonic()
        running = self.start(*arguments)
        code = running.wait(seconds)
        if code is None:
            self.end(running)
        if arguments == ("run",) and code == 0:
            self._run_seconds.append(time.monotonic() - started)
        return code, running.text()

    def end(self, running: Running) -> None:
        """Kill a command that does not end, and its child processes."""
        for process in family(running.process.pid):
            with ignoring_ended():
                process.kill()
        running.process.wait()

    def stores(self) -> Stores:
        """Return the stores, which must be running."""
        return Stores(
            self.stack.mongo_url(), "datalake", self.stack.postgres_url(), Path(self.clean)
        )

    @property
    def clean(self) -> str:
        """Folder of the cleaned Parquet."""
        return self.stack.clean_path()

    def await_staging(self, is_running: Callable[[], bool], seconds: float) -> None:
        """Wait up to `seconds` until a publication copies rows or the command has ended."""
        deadline = time.monotonic() + seconds
        query = "SELECT EXISTS (SELECT FROM pg_tables WHERE schemaname = 'staging')"
        while is_running() and time.monotonic() < deadline:
            try:
                with psycopg.connect(self.reader_url(), autocommit=True) as connection:
                    while is_running() and time.monotonic() < deadline:
                        if connection.execute(query).fetchone() == (True,):
                            return
                        time.sleep(0.02)
            except (psycopg.Error, LookupError):
                time.sleep(0.2)

    def reader_url(self) -> str:
        """Return the URL of the read-only role.

        Raises:
            LookupError: PostgreSQL is not running now.
        """
        try:
            return self.stack.analyst_url()
        except Exception as error:
            raise LookupError(str(error)) from error

    def down(self) -> None:
        """Stop the servers and delete their data."""
        self.stack.down(erase=True)
