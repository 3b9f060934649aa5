"""Processes that outlive the command that started them.

What goes here: starting, recognising and stopping a process, and loopback ports. What stays out:
which program, with which options (in `postgres`, `mongo`, `source`).
"""

import signal
import socket
import subprocess
import threading
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

import psutil

from cryptoassets.embedded.accounts import Account

LOOPBACK = "127.0.0.1"
LOG_BYTES_KEPT = 5_000_000
STOP_SECONDS = 30.0


def free_port() -> int:
    """Return a loopback port that nothing listens on now."""
    with socket.socket() as probe:
        probe.bind((LOOPBACK, 0))
        return int(probe.getsockname()[1])


def can_listen(port: int) -> bool:
    """Return whether one of our servers could listen on this loopback port now."""
    with socket.socket() as probe:
        # As servers do: connections of the previous server may still be closing.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((LOOPBACK, port))
        except OSError:
            return False
        return True


def is_listening(port: int) -> bool:
    """Return whether something accepts connections on this loopback port."""
    with socket.socket() as probe:
        probe.settimeout(2)
        return probe.connect_ex((LOOPBACK, port)) == 0


def is_ours(pid: int, folder: Path) -> bool:
    """Return whether this process is alive and was started by us to serve `folder`.

    A pid alone proves nothing, because pids are reused. A start time proves little, because it
    changes when the machine's clock is set. The folder is an argument of every command we start.
    """
    try:
        return str(folder) in psutil.Process(pid).cmdline()
    except psutil.Error:
        return False


def pids_serving(folder: Path) -> list[int]:
    """List running processes started to serve `folder`, e.g. by a command that was killed."""
    return [process.pid for process in psutil.process_iter() if is_ours(process.pid, folder)]


def start_detached(
    command: Sequence[str],
    *,
    log: Path,
    environment: Mapping[str, str],
    account: Account | None = None,
) -> "subprocess.Popen[bytes]":
    """Start a server in its own session, so that it survives Ctrl-C and our exit.

    Args:
        command: program and arguments; one of them is the folder it serves.
        environment: the server's whole environment.
        log: gets stdout and stderr; renamed to `.old` when it has grown large.
        account: who the server runs as; None: the current user.
    """
    if log.exists() and log.stat().st_size > LOG_BYTES_KEPT:
        log.replace(log.with_suffix(".old"))
    with log.open("ab") as output:
        process = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            cwd="/",
            env=environment,
            start_new_session=True,
            umask=0o077,
            **(account.as_options() if account else {}),
        )
    # A thread must wait for it, or it would stay a zombie while this command runs.
    threading.Thread(target=process.wait, daemon=True, name=f"reap-{process.pid}").start()
    return process


def stop(pid: int, *, by: signal.Signals = signal.SIGTERM) -> None:
    """Stop one of our processes and wait until it is gone; send SIGKILL after a timeout."""
    try:
        process = psutil.Process(pid)
        process.send_signal(by)
        deadline = time.monotonic() + STOP_SECONDS
        while _is_alive(process):
            if time.monotonic() > deadline:
                process.kill()
            time.sleep(0.02)
    except psutil.NoSuchProcess:
        return


def _is_alive(process: psutil.Process) -> bool:
    return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
