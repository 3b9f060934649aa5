"""Names by which a file tells the process that owns it, so that a later one can delete it.

What goes here: the name of this process, and whether the process of a name is gone. What stays
out: which files there are (with those who write them).
"""

import os
import shutil
import socket
from pathlib import Path

import psutil


def own_name() -> str:
    """Return the name of this process, usable in file names: pid, start time and host."""
    process = psutil.Process(os.getpid())
    return f"{process.pid}-{started_after_boot(process)}-{socket.gethostname()}"


def is_gone(name: str) -> bool:
    """Tell whether the process that `own_name` named is gone.

    A process of another host counts as alive: its pid says nothing here.
    """
    pid, _, rest = name.partition("-")
    start, _, host = rest.partition("-")
    return host == socket.gethostname() and pid.isdecimal() and not lives(pid, start)


def own_folder(parent: Path) -> Path:
    """Return a folder of this process below another, and delete those whose process is gone."""
    for folder in parent.glob("*"):
        if is_gone(folder.name):
            # Another process may be deleting it, too.
            shutil.rmtree(folder, ignore_errors=True)
    folder = parent / own_name()
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def lives(pid: str, start: str) -> bool:
    """Tell whether a process of this host lives that `started_after_boot` at this time."""
    try:
        process = psutil.Process(int(pid))
        # Another process may have the number by now.
        return started_after_boot(process) == start and process.status() != "zombie"
    except psutil.NoSuchProcess:
        return False


def started_after_boot(process: psutil.Process) -> str:
    """Return when a process started, in seconds since the machine did."""
    # Not the time of day, which moves when the clock is set.
    return f"{process.create_time() - psutil.boot_time():.1f}"
