"""File names that identify the owning process, so that a later process can delete leftover files.

What goes here: naming this process, checking whether a named process is gone, and creating the
folder of this process. What stays out: the files themselves (in the modules that write them).
"""

import contextlib
import os
import shutil
import socket
from pathlib import Path

import psutil


def process_name() -> str:
    """Return the name of this process, usable in file names: pid, start time and host."""
    process = psutil.Process(os.getpid())
    return f"{process.pid}-{started_after_boot(process)}-{socket.gethostname()}"


def is_gone(name: str) -> bool:
    """Return whether the process with this `process_name` is gone.

    A process of another host counts as alive: its pid means nothing here.
    """
    pid, _, rest = name.partition("-")
    start, _, host = rest.partition("-")
    return host == socket.gethostname() and pid.isdecimal() and not is_alive(pid, start)


def process_folder(parent: Path) -> Path:
    """Return a folder for this process in `parent`; delete folders whose process is gone.

    JVMs of a process that is gone are killed. Usually they end by themselves, but not if their
    folder is deleted while they start: their main thread then fails, and other threads run on.
    """
    for folder in parent.glob("*"):
        if is_gone(folder.name):
            _kill_jvms(folder)
            # Another process may be deleting it at the same time.
            shutil.rmtree(folder, ignore_errors=True)
    folder = parent / process_name()
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def _kill_jvms(folder: Path) -> None:
    """Kill the JVMs whose temporary files are in this folder."""
    for process in psutil.process_iter():
        with contextlib.suppress(psutil.Error):
            # The shell script that starts Java quotes this option.
            line = " ".join(process.cmdline()).replace('"', "")
            if f"-Djava.io.tmpdir={folder}" in line:
                process.kill()


def is_alive(pid: str, start: str) -> bool:
    """Return whether this host's process with this pid and `started_after_boot` is alive."""
    try:
        process = psutil.Process(int(pid))
        # Another process may have this pid by now.
        return started_after_boot(process) == start and process.status() != "zombie"
    except psutil.NoSuchProcess:
        return False


def started_after_boot(process: psutil.Process) -> str:
    """Return when a process started, in seconds after the machine booted."""
    # Not the time of day, which changes when the clock is set.
    return f"{process.create_time() - psutil.boot_time():.1f}"
