"""Runs one command and measures its process tree, in a process that `measuring` starts.

    python -m benchmarks.supervisor < task.json

What goes here: code that must run in a process whose only child is the command. What stays out: the
meaning of the figures (in `measuring`).

This process adopts descendants whose parents have ended, so that it can wait for them. When it
waits for a process, the kernel reports the CPU time of that process, including the children for
which that process has waited itself. So every ended descendant is counted exactly once.
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
"""How long descendants may run after the command itself has ended."""
_PR_SET_CHILD_SUBREAPER = 36


def main() -> None:
    """Run the task from standard input; print the figures as JSON."""
    task = json.load(sys.stdin)
    ctypes.CDLL(None).prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
    json.dump(run(**task), sys.stdout)


def run(
    command: list[str], environment: dict[str, str], folder: str, log: str, seconds: float
) -> dict[str, Any]:
    """Run a command and return its figures; `code` is None if it was killed after `seconds`."""
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
    """All descendants of this process."""

    def __init__(self) -> None:
        self._last_seen: dict[int, tuple[bool, float]] = {}
        self.cpu_seconds = 0.0
        self.peak_pss_mb = 0.0

    @property
    def java_share_of_cpu(self) -> float:
        """The JVMs' share of the sampled CPU time."""
        seen = self._last_seen.values()
        whole = sum(seconds for _, seconds in seen)
        return sum(seconds for is_java, seconds in seen if is_java) / whole if whole else 0.0

    def reap(self, pid: int, deadline: float) -> int | None:
        """Reap processes until `pid` ends; return its exit code, or None if it had to be killed."""
        while time.monotonic() < deadline:
            codes = self._ended()
            if pid in codes:
                return codes[pid]
            time.sleep(0.01)
        self._kill()
        return None

    def reap_stragglers(self) -> None:
        """Wait for the remaining processes to end; kill them if that takes too long."""
        deadline = time.monotonic() + STRAGGLER_SECONDS
        while alive():
            if time.monotonic() > deadline:
                self._kill()
            self._ended()
            time.sleep(0.05)

    def _ended(self) -> dict[int, int]:
        """Reap the children that have ended; return their exit codes and add up their CPU time."""
        codes = {}
        with contextlib.suppress(ChildProcessError):
            while True:
                pid, status, usage = os.wait4(-1, os.WNOHANG)
                if pid == 0:
                    break
                # The usage includes the children for which the ended process has waited.
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
    """Return the proportional set size (PSS) of a process in MB."""
    lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
    return next((int(line.split()[1]) * 1024 / 1e6 for line in lines if line[:4] == "Pss:"), 0.0)


if __name__ == "__main__":
    main()
