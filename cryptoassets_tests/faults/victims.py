"""Finds the processes that an attack kills, and processes that are left over.

What goes here: recognising processes. What stays out: starting commands (in `home`).
"""

import signal
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import psutil

from cryptoassets.embedded import Stack

IsMatch = Callable[[psutil.Process], bool]


def victims(name: str, stack: Stack, commands: Sequence[int], folder: Path) -> list[int]:
    """Return the pids of the running processes of one kind.

    Args:
        name: the kind, from `attacks.VICTIMS`.
        stack: the servers.
        commands: pids of the commands under attack.
        folder: the campaign's folder, in which the Spark cluster's processes run.
    """
    find: dict[str, Callable[[], list[int]]] = {
        "command": lambda: list(commands),
        "java": lambda: _below(commands, lambda process: "java" in process.name()),
        "Python worker": lambda: _python_workers(commands),
        "Dagster run": lambda: _below(
            commands, lambda process: "multiprocessing.spawn" in _line(process)
        ),
        "code server": lambda: _below(commands, lambda process: "api grpc" in _line(process)),
        "executor": lambda: _of_cluster(folder, "CoarseGrainedExecutorBackend"),
        "Spark worker": lambda: _of_cluster(folder, "deploy.worker.Worker"),
        "Spark master": lambda: _of_cluster(folder, "deploy.master.Master"),
        "MongoDB": lambda: _servers(stack, "mongo"),
        "source": lambda: _servers(stack, "source"),
        "postmaster": lambda: _servers(stack, "postgres"),
        "PostgreSQL backend": lambda: _backends(stack),
    }
    return find[name]()


def send(pids: Sequence[int], choice: float, number: signal.Signals) -> bool:
    """Send a signal to one of these processes; return whether the process existed."""
    if not pids:
        return False
    try:
        psutil.Process(pids[int(choice * len(pids))]).send_signal(number)
    except psutil.Error:
        return False
    return True


def family(pid: int) -> list[psutil.Process]:
    """Return a process and all its descendants; nothing if it has ended."""
    with ignoring_ended():
        process = psutil.Process(pid)
        return [process, *process.children(recursive=True)]
    return []


def processes_of(home: Path, stack: Stack) -> list[psutil.Process]:
    """Return the processes of commands and of Spark, but not those of the servers."""
    servers = {process.pid for one in stack.servers() if one.pid for process in family(one.pid)}
    found = []
    for process in psutil.process_iter():
        with ignoring_ended():
            # A JVM's environment does not contain the home, but its options do.
            is_ours = process.environ().get("CRYPTOASSETS_HOME") == str(home) or (
                f"-Djava.io.tmpdir={home}/" in _line(process)
            )
            is_zombie = process.status() == psutil.STATUS_ZOMBIE
            if is_ours and process.pid not in servers and not is_zombie:
                found.append(process)
    return found


def await_no_process(home: Path, stack: Stack, seconds: float) -> list[psutil.Process]:
    """Wait up to `seconds` until no process is left; return the processes that still run."""
    deadline = time.monotonic() + seconds
    while (left := processes_of(home, stack)) and time.monotonic() < deadline:
        time.sleep(0.5)
    return left


@contextmanager
def ignoring_ended() -> Iterator[None]:
    """Ignore errors about processes that have ended in the meantime."""
    try:
        yield
    except psutil.Error:
        return


def _python_workers(commands: Sequence[int]) -> list[int]:
    found = _below(commands, lambda process: "worker_daemon" in _line(process))
    # The first process is the daemon, which forks a worker per task.
    return found[1:] or found


def _below(commands: Sequence[int], is_match: IsMatch) -> list[int]:
    return _matching((process for pid in commands for process in family(pid)[1:]), is_match)


def _of_cluster(folder: Path, name: str) -> list[int]:
    return _matching(
        psutil.process_iter(),
        lambda process: name in _line(process) and str(folder) in process.cwd(),
    )


def _servers(stack: Stack, name: str) -> list[int]:
    return [server.pid for server in stack.servers() if server.name == name and server.pid]


def _backends(stack: Stack) -> list[int]:
    """Return the pids of processes that serve connections of the platform or of Dagster."""
    return [
        pid
        for postmaster in _servers(stack, "postgres")
        for pid in _matching(
            family(postmaster)[1:],
            lambda process: "bigdata_db" in _line(process) or "dagster" in _line(process),
        )
    ]


def _matching(processes: Iterable[psutil.Process], is_match: IsMatch) -> list[int]:
    found = []
    for process in processes:
        with ignoring_ended():
            if is_match(process):
                found.append(process.pid)
    return found


def _line(process: psutil.Process) -> str:
    return " ".join(process.cmdline())
