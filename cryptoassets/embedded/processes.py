"""Processes that outlive the command that started them.

What goes here: starting, recognising and stopping one, ports of the loopback interface. What stays
out: which program, with which options (in `postgres`, `mongo`, `source`).
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
    """Return a loopback port that nothing listens on at this moment."""
    with socket.socket() as probe:
        probe.bind((LOOPBACK, 0))
        return int(probe.getsockname()[1])


def can_listen(port: int) -> bool:
    """Tell whether a server of ours could have this loopback port now."""
    with socket.socket() as probe:
        # As servers do: connections of the one before it may still be closing.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((LOOPBACK, port))
        except OSError:
            return False
        return True


def is_listening(port: int) -> bool:
    """Tell whether something accepts connections on this loopback port."""
    with socket.socket() as probe:
        probe.settimeout(2)
        return probe.connect_ex((LOOPBACK, port)) == 0


def is_ours(pid: int, folder: Path) -> bool:
    """Tell whether this process lives and was started by us to serve `folder`.

    A bare number proves nothing, as pids are used again; a start time proves little, as it moves
    when the machine's clock is set. The folder stands as an argument of every command we start.
    """
    try:
        return str(folder) in psutil.Process(pid).cmdline()
    except psutil.Error:
        return False


def pids_serving(folder: Path) -> list[int]:
    """List living processes started to serve `folder`, e.g. by a command that was killed."""
    return [process.pid for process in psutil.process_iter() if is_ours(process.pid, folder)]


def start_detached(
    command: Sequence[str],
    *,
    log: Path,
    environment: Mapping[str, str],
    account: Account | None = None,
) -> "subprocess.Popen[bytes]":
    """Start a server in a session of its own, so that Ctrl-C and our end do not reach it.

    Args:
        command: program and arguments; one of them is the folder it serves.
        environment: all that the server sees of ours.
        log: gets stdout and stderr; set aside as `.old` when it has grown large.
        account: who the server runs as; None: ourselves.
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
    # Somebody must wait for it, or it would stay a zombie while this command lives.
    threading.Thread(target=process.wait, daemon=True, name=f"reap-{process.pid}").start()
    return process


def stop(pid: int, *, by: signal.Signals = signal.SIGTERM) -> None:
    """End a process of ours and wait until it is gone; SIGKILL when it does not listen."""
    try:
        process = psutil.Process(pid)
        process.send_signal(by)
        deadline = time.monotonic() + STOP_SECONDS
        while _lives(process):
            if time.monotonic() > deadline:
                process.kill()
            time.sleep(0.02)
    except psutil.NoSuchProcess:
        return


def _lives(process: psutil.Process) -> bool:
    return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
