"""What all embedded servers have in common: how each is started once, found, restarted, stopped.

What goes here: the lock, the state file and the steps of a start. What stays out: the programs
of the servers (in `postgres`, `mongo`, `source`).
"""

import json
import os
import signal
import subprocess
import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import ClassVar

from filelock import FileLock, Timeout

from cryptoassets.embedded import processes
from cryptoassets.errors import EmbeddedError, StoreNotRunningError
from cryptoassets.shortages import disk_problem, shortage_message

READY_SECONDS = 60.0
LOCK_SECONDS = 180.0
START_ATTEMPTS = 3
LAST_LINES = 8

Report = Callable[[str], None]


@dataclass(frozen=True)
class ServerStatus:
    """One server, as shown by `status` and `up`; `url` never contains a password."""

    name: str
    kind: str
    url: str
    pid: int | None
    is_running: bool
    folder: Path


@dataclass(frozen=True)
class State:
    """What is stored about a server between commands.

    Attributes:
        port: kept when the server stops, so that bookmarks and saved connections stay valid.
        engine: the program that created the data and the only one that can read it.
    """

    pid: int | None = None
    port: int | None = None
    engine: str | None = None


def not_running(titles: Sequence[str], home: Path) -> StoreNotRunningError:
    """Return the error for a command that needs running servers but does not start any."""
    *others, last = titles
    names = " and ".join([", ".join(others), last] if others else [last]).replace(" The ", " the ")
    verb = "is" if len(titles) == 1 else "are"
    return StoreNotRunningError(
        f"{names} {verb} not running, and this command starts nothing (home: "
        f"{home}). Run `cryptoassets up`, then try again"
    )


class EmbeddedServer(ABC):
    """A server of one set of stores; several processes may call any method at the same time."""

    name: ClassVar[str]
    title: ClassVar[str]
    stop_signal: ClassVar[signal.Signals] = signal.SIGTERM
    may_start: ClassVar[bool] = True
    """Whether this process may start servers; see `starting_nothing`."""

    def __init__(self, source_home: Path, report: Report) -> None:
        self.source_home = source_home
        self.report = report
        self._state_file = source_home / "run" / f"{self.name}.json"
        self.log = source_home / "logs" / f"{self.name}.log"

    @property
    @abstractmethod
    def folder(self) -> Path:
        """The server's data folder; its path in the command line identifies the process."""

    @property
    @abstractmethod
    def kind(self) -> str:
        """The program's name, as shown by `status`."""

    @abstractmethod
    def url(self, port: int) -> str:
        """Return the URL without a password."""

    @abstractmethod
    def prepare(self) -> None:
        """Create what a start needs: folders, password, data directory."""

    @abstractmethod
    def launch(self, port: int) -> "subprocess.Popen[bytes]":
        """Start the program."""

    def is_ready(self, pid: int, port: int) -> bool:  # noqa: ARG002 -- used by PostgreSQL only
        """Return whether the server answers."""
        return processes.is_listening(port)

    def ensure(self) -> int:
        """Return the server's port; if the server is not running, start it first.

        Raises:
            EmbeddedError: the server cannot be started; the message gives the reason and remedy.
            StoreNotRunningError: the server is stopped, and this process may not start servers.
        """
        with self.disk_errors_explained():
            port = self.running_port()
            if port is not None:
                return port
            if not EmbeddedServer.may_start:
                raise not_running([self.title], self.source_home)
            with self.locked():
                # Another command may have started the server while we waited for the lock.
                port = self.running_port()
                return port if port is not None else self._start()

    def running_port(self) -> int | None:
        """Return the port if the server is running and answers, else None."""
        state = self.state()
        if state.pid is None or state.port is None:
            return None
        is_up = processes.is_serving(state.pid, self.folder) and self.is_ready(
            state.pid, state.port
        )
        return state.port if is_up else None

    def stop(self) -> bool:
        """Stop the server if one of our commands started it; return whether it was running."""
        if not self._state_file.exists():
            return False
        with self.disk_errors_explained(), self.locked():
            stopped = self._stop_all()
            self.remember(replace(self.state(), pid=None))
        return stopped

    def status(self) -> ServerStatus:
        """Return what is known about the server, without starting it."""
        state, port = self.state(), self.running_port()
        return ServerStatus(
            name=self.name,
            kind=self.kind,
            url=self.url(state.port) if state.port else "",
            pid=state.pid if port else None,
            is_running=port is not None,
            folder=self.folder,
        )

    def state(self) -> State:
        """Read the stored state; an unreadable file counts as an empty state."""
        try:
            return State(**json.loads(self._state_file.read_text()))
        except (OSError, ValueError, TypeError):
            return State()

    def remember(self, state: State) -> None:
        """Write the state atomically, so that a reader never sees a partial file."""
        temporary = self._state_file.with_suffix(f".{os.getpid()}")
        temporary.write_text(json.dumps(asdict(state)))
        temporary.replace(self._state_file)

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Hold this server's start lock; the kernel releases it if this process dies."""
        for needed in (self._state_file.parent, self.log.parent):
            needed.mkdir(parents=True, exist_ok=True)
        lock = FileLock(self._state_file.with_suffix(".lock"), timeout=LOCK_SECONDS)
        try:
            with lock:
                yield
        except Timeout as error:
            raise EmbeddedError(
                f"Another command has been starting {self.title} for {LOCK_SECONDS:.0f} s and "
                f"still holds {lock.lock_file}. Wait for it or stop it, then try again"
            ) from error

    @contextmanager
    def disk_errors_explained(self) -> Iterator[None]:
        """Convert an `OSError`, e.g. from a full disk, into an `EmbeddedError` with a remedy."""
        try:
            yield
        except OSError as error:
            remedy = shortage_message(str(error)) or (
                "Free some space or fix the permissions, or set CRYPTOASSETS_HOME to a "
                "writable folder"
            )
            raise EmbeddedError(
                f"{self.title} cannot be started: {error.filename or self.source_home}: "
                f"{error.strerror or error}. {remedy}"
            ) from error

    def _start(self) -> int:
        port = self._port_of_slow_start()
        if port is not None:
            return port
        self._stop_all()
        self.prepare()
        port = self._choose_port()
        for _ in range(START_ATTEMPTS):
            process = self.launch(port)
            self.remember(replace(self.state(), pid=process.pid, port=port))
            if self._becomes_ready(process, port):
                return port
            if not processes.is_listening(port):
                break
            # Another program took the port between our check and the server's start.
            port = processes.free_port()
        reason = self._last_error()
        remedy = (
            disk_problem(self.source_home)
            or shortage_message(reason)
            or f"The whole log is in {self.log}"
        )
        raise EmbeddedError(f"{self.title} did not start: {reason}. {remedy}")

    def _port_of_slow_start(self) -> int | None:
        # A command that was killed may have started the server, or the server may be too busy to
        # answer at once. Do not stop the server, because other commands may be using it.
        state, deadline = self.state(), time.monotonic() + READY_SECONDS
        while state.pid and processes.is_serving(state.pid, self.folder):
            port = self.running_port()
            if port is not None or time.monotonic() > deadline:
                return port
            time.sleep(0.05)
        return None

    def _choose_port(self) -> int:
        last = self.state().port
        if last is None:
            return processes.free_port()
        if processes.bind_error(last) is None:
            return last
        port = processes.free_port()
        self.report(f"Port {last} is taken by another program: {self.title} moves to {port}")
        return port

    def _becomes_ready(self, process: "subprocess.Popen[bytes]", port: int) -> bool:
        deadline = time.monotonic() + READY_SECONDS
        while process.poll() is None:
            if self.is_ready(process.pid, port):
                return True
            if time.monotonic() > deadline:
                processes.stop(process.pid, by=self.stop_signal)
                return False
            time.sleep(0.02)
        return False

    def _stop_all(self) -> bool:
        # The state file names one process, but a command that was killed during a start may have
        # left another one.
        pids = processes.pids_serving(self.folder)
        for pid in pids:
            processes.stop(pid, by=self.stop_signal)
        return bool(pids)

    def _last_error(self) -> str:
        try:
            lines = self.log.read_text(errors="replace").strip().splitlines()
        except OSError:
            lines = []
        recent = lines[-LAST_LINES:]
        errors = [line for line in recent if "FATAL" in line or "rror" in line] or recent
        return errors[-1].strip() if errors else "it ended without any output"


@contextmanager
def starting_nothing() -> Iterator[None]:
    """Make a stopped server an error inside this context, for commands that only show data.

    This applies to every thread, and also when Dagster itself opens the storage that `dagster.yaml`
    names.
    """
    before, EmbeddedServer.may_start = EmbeddedServer.may_start, False
    try:
        yield
    finally:
        EmbeddedServer.may_start = before
