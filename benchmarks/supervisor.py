"""Runs one command and measures its process tree; a separate process, started by `measuring`.

    python -m benchmarks.supervisor < task.json

What goes here: code that must run in the parent of the command and of no other process. What stays
out: the meaning of the figures (in `measuring`).

This process adopts orphans of the tree. The kernel then reports the CPU time of every descendant
when it ends. The time of a process includes that of the children it has waited for.
"""

import contextlib
import ctypes
import json
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import psutil

from benchmarks.sampling import sampled

SAMPLE_SECONDS = 0.4
STRAGGLER_SECONDS = 20.0
"""How long processes may take to end after the command itself has."""
_PR_SET_CHILD_SUBREAPER = 36


def main() -> None:
    """Run the task on standard input; print the figures as JSON."""
    task = json.load(sys.stdin)
    ctypes.CDLL(None).prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
    json.dump(run(**task), sys.stdout)


def run(
    command: list[str], environment: dict[str, str], folder: str, log: str, seconds: float
) -> dict[str, Any]:
    """Run a command to its end, or kill it after `seconds`; `code` is then null."""
    tree = Tree()
    with Path(log).open("w") as output, sampled(tree.sample, SAMPLE_SECONDS):
        started = time.monotonic()
        process = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            env=environment,
            cwd=folder,
            start_new_session=True,
        )
        code = tree.reap(process.pid, started + seconds)
        wall = time.monotonic() - started
        # Otherwise Popen would wait again for a process that was already reaped.
        process.returncode = -1 if code is None else code
        tree.reap_stragglers()
    return {
        "code": code,
        "wall_seconds": wall,
        "cpu_seconds": tree.cpu_seconds,
        "peak_pss_mb": tree.peak_pss_mb,
        "java_share_of_cpu": tree.java_share_of_cpu,
    }


class Tree:
    """All processes below this one."""

    def __init__(self) -> None:
        self._last_seen: dict[int, tuple[bool, float]] = {}
        self.cpu_seconds = 0.0
        self.peak_pss_mb = 0.0

    @property
    def java_share_of_cpu(self) -> float:
        """The share of JVMs in the sampled CPU time."""
        seen = self._last_seen.values()
        whole = sum(seconds for _, seconds in seen)
        return sum(seconds for is_java, seconds in seen if is_java) / whole if whole else 0.0

    def reap(self, pid: int, deadline: float) -> int | None:
        """Reap processes until `pid` ends; return its exit code, None: it took too long."""
        while time.monotonic() < deadline:
            codes = self._ended()
            if pid in codes:
                return codes[pid]
            time.sleep(0.01)
        self._kill()
        return None

    def reap_stragglers(self) -> None:
        """Wait for the remaining processes to end by themselves; then kill them."""
        deadline = time.monotonic() + STRAGGLER_SECONDS
        while alive():
            if time.monotonic() > deadline:
                self._kill()
            self._ended()
            time.sleep(0.05)

    def _ended(self) -> dict[int, int]:
        """Return the exit codes of the children that have ended, and count their time."""
        codes = {}
        with contextlib.suppress(ChildProcessError):
            while True:
                pid, status, usage = os.wait4(-1, os.WNOHANG)
                if pid == 0:
                    break
                # Includes the children that it has waited for.
                self.cpu_seconds += usage.ru_utime + usage.ru_stime
                codes[pid] = os.waitstatus_to_exitcode(status)
        return codes

    def _kill(self) -> None:
        for process in alive():
            with contextlib.suppress(psutil.Error):
                process.kill()

    def sample(self) -> None:
        """Record CPU time and memory of the running processes."""
        pss = 0.0
        for process in alive():
            with contextlib.suppress(psutil.Error, OSError):
                times = process.cpu_times()
                is_java = process.name() == "java"
                self._last_seen[process.pid] = (is_java, times.user + times.system)
                pss += pss_mb(process.pid)
        self.peak_pss_mb = max(self.peak_pss_mb, pss)


def alive() -> list[psutil.Process]:
    """Return all descendants of this process."""
    return psutil.Process().children(recursive=True)


def pss_mb(pid: int) -> float:
    """Return the proportional set size of a process in MB; shared pages are divided."""
    lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
    return next((int(line.split()[1]) * 1024 / 1e6 for line in lines if line[:4] == "Pss:"), 0.0)


if __name__ == "__main__":
    main()
