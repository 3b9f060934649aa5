"""Our processes: servers that outlive a command, and programs that end with it.

What goes here: starting, recognising, watching and stopping a process, and loopback ports. What
stays out: which program, with which options (in `postgres`, `mongo`, `source`, `airflow_home`).
"""

import signal
import socket
import subprocess
import threading
import time
from collections.abc import Callable, Collection, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

import psutil

from cryptoassets.embedded.accounts import Account

LOOPBACK = "127.0.0.1"
LOG_BYTES_KEPT = 5_000_000
STOP_SECONDS = 30.0
RESTART_SECONDS = 5.0


def free_port() -> int:
    """Return a loopback port that nothing listens on now."""
    with socket.socket() as probe:
        probe.bind((LOOPBACK, 0))
        return int(probe.getsockname()[1])


def bind_error(port: int) -> str | None:
    """Return why a server could not listen on this loopback port now; None: it could."""
    with socket.socket() as probe:
        # Servers set this option, too: connections of the previous server may still be closing.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((LOOPBACK, port))
        except OSError as error:
            return error.strerror
        return None


def is_listening(port: int) -> bool:
    """Return whether something accepts connections on this loopback port."""
    with socket.socket() as probe:
        probe.settimeout(2)
        return probe.connect_ex((LOOPBACK, port)) == 0


def listener(port: int) -> psutil.Process | None:
    """Return the process that listens on this port; None if there is none or we may not see it."""
    for process in psutil.process_iter():
        with suppress(psutil.Error):
            for connection in process.net_connections("tcp"):
                if connection.status == psutil.CONN_LISTEN and connection.laddr.port == port:
                    return process
    return None


def is_serving(pid: int, folder: Path) -> bool:
    """Return whether this process is alive and was started by us to serve `folder`.

    A pid alone proves nothing, because pids are reused. A start time proves little, because it
    changes when the machine's clock is set. The folder is an argument of every server we start.
    """
    try:
        return str(folder) in psutil.Process(pid).cmdline()
    except psutil.Error:
        return False


def pids_serving(folder: Path) -> list[int]:
    """List the pids of processes that serve `folder`; a killed command may have started them."""
    return [process.pid for process in psutil.process_iter() if is_serving(process.pid, folder)]


def start_detached(
    command: Sequence[str],
    *,
    log: Path,
    environment: Mapping[str, str],
    account: Account | None = None,
    folder: str = "/",
) -> "subprocess.Popen[bytes]":
    """Start a program in its own session, so that it survives Ctrl-C and our exit.

    Args:
        command: program and arguments; one argument of a server is the folder it serves.
        environment: the program's whole environment.
        log: gets stdout and stderr; renamed to `.old` when it has grown large.
        account: the account that the program runs as; None: the current user.
        folder: the program's working directory.
    """
    log.parent.mkdir(parents=True, exist_ok=True)
    if log.exists() and log.stat().st_size > LOG_BYTES_KEPT:
        log.replace(_old(log))
    with log.open("ab") as output:
        process = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            cwd=folder,
            env=environment,
            start_new_session=True,
            umask=0o077,
            **(account.as_options() if account else {}),
        )
    # A thread waits for the process, which would otherwise stay a zombie while this command runs.
    threading.Thread(target=process.wait, daemon=True, name=f"reap-{process.pid}").start()
    return process


def stop(pid: int, *, by: signal.Signals = signal.SIGTERM) -> None:
    """Stop one of our processes and wait until it is gone; send SIGKILL after a timeout."""
    _await_end(_ask_to_stop(pid, by), time.monotonic() + STOP_SECONDS)


@dataclass
class Program:
    """One program that ends with the command that started it."""

    name: str
    command: Sequence[str]
    environment: Mapping[str, str]
    log: Path
    stop_signal: signal.Signals = signal.SIGTERM
    process: "subprocess.Popen[bytes] | None" = field(default=None, init=False)

    def start(self) -> None:
        """Start in a new session: Ctrl-C reaches only us, and we stop the programs in order."""
        self.process = start_detached(
            self.command, log=self.log, environment=self.environment, folder="."
        )

    @property
    def has_ended(self) -> bool:
        """Whether the program was started and is no longer running."""
        return self.process is not None and self.process.poll() is not None


class Programs:
    """Programs that are started, watched and stopped together."""

    def __init__(self, report: Callable[[str], None]) -> None:
        self._report = report
        self._programs: list[Program] = []

    def start(self, program: Program) -> None:
        """Start a program and watch it from now on."""
        program.start()
        self._programs.append(program)

    def watch(self) -> None:
        """Restart the programs that ended by themselves, once each."""
        for program in self._programs:
            if program.has_ended:
                self._report(f"{program.name} ended and is being restarted. Its log: {program.log}")
                time.sleep(RESTART_SECONDS)
                program.start()

    def stop(self) -> None:
        """Signal all programs, the last started first, then wait until all have ended."""
        families = [
            _ask_to_stop(program.process.pid, program.stop_signal)
            for program in reversed(self._programs)
            if program.process is not None and not program.has_ended
        ]
        deadline = time.monotonic() + STOP_SECONDS
        for family in families:
            _await_end(family, deadline)
        self._programs.clear()


def kill_leftovers(logs: Collection[Path]) -> int:
    """Kill the programs that a killed command has left running; return how many were killed.

    A program and its children are recognised by the program's output, which goes to one of these
    logs. Their environment cannot be used, because Airflow's processes overwrite it with their
    titles.
    """
    # `start_detached` may have renamed the log since.
    files = {str(path) for log in logs for path in (log.resolve(), _old(log.resolve()))}
    leftovers = [process for process in psutil.process_iter() if _prints_to(process, files)]
    family = {*leftovers, *(child for one in leftovers for child in _children(one))}
    _kill(list(family))
    return len(family)


def _prints_to(process: psutil.Process, files: Collection[str]) -> bool:
    try:
        # A program that reads a log, e.g. `tail -f`, has it open under a higher number.
        return any(one.path in files and one.fd in {1, 2} for one in process.open_files())
    except psutil.Error:
        return False


def _children(process: psutil.Process) -> list[psutil.Process]:
    try:
        return process.children(recursive=True)
    except psutil.Error:
        return []


def _old(log: Path) -> Path:
    return log.with_suffix(".old")


def _ask_to_stop(pid: int, by: signal.Signals) -> list[psutil.Process]:
    """Send the signal to this process, which stops its children; return it and its children."""
    try:
        process = psutil.Process(pid)
        family = [process, *process.children(recursive=True)]
        process.send_signal(by)
    except psutil.NoSuchProcess:
        return []
    return family


def _await_end(family: list[psutil.Process], deadline: float) -> None:
    """Wait until `deadline` (monotonic) for the first process, then kill all that still run."""
    while family and _is_alive(family[0]) and time.monotonic() < deadline:
        time.sleep(0.02)
    _kill(family)


def _kill(processes: Sequence[psutil.Process]) -> None:
    """Send SIGKILL and wait until all are gone."""
    for process in processes:
        with suppress(psutil.Error):
            process.kill()
    deadline = time.monotonic() + STOP_SECONDS
    while any(map(_is_alive, processes)) and time.monotonic() < deadline:
        time.sleep(0.02)


def await_reaped(pid: int) -> None:
    """Wait until a killed process has left the process table, which depends on its parent.

    Until then, its pid accepts signals. A program that finds this pid in a file believes that the
    process is running.
    """
    deadline = time.monotonic() + STOP_SECONDS
    with suppress(psutil.NoSuchProcess):
        process = psutil.Process(pid)
        while process.status() == psutil.STATUS_ZOMBIE and time.monotonic() < deadline:
            time.sleep(0.02)


def _is_alive(process: psutil.Process) -> bool:
    try:
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False
