"""Runs one command and measures its whole tree; a process of its own, started by `measuring`.

    python -m benchmarks.supervisor < task.json

What goes here: what must be the parent of the command and of nothing else. What stays out: what the
figures mean (in `measuring`).

This process adopts orphans of the tree. The kernel then reports the CPU time of every process below
when it ends, and the time of a process includes that of the children it has waited for.
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
    """Run a command to its end, or until it has to be killed; `code` is then null."""
    tree = Tree()
    with Path(log).open("w") as output, sampled(tree.sample, SAMPLE_SECONDS):
        began = time.monotonic()
        process = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            env=environment,
            cwd=folder,
            start_new_session=True,
        )
        code = tree.reap(process.pid, began + seconds)
        wall = time.monotonic() - began
        # Set, or Popen would wait for a process that was waited for already.
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
        """Share of the CPU time that samples saw in JVMs."""
        seen = self._last_seen.values()
        whole = sum(seconds for _, seconds in seen)
        return sum(seconds for is_java, seconds in seen if is_java) / whole if whole else 0.0

    def reap(self, pid: int, deadline: float) -> int | None:
        """Wait for a process, counting all that end; its exit code, None: it took too long."""
        while time.monotonic() < deadline:
            codes = self._ended()
            if pid in codes:
                return codes[pid]
            time.sleep(0.01)
        self._kill()
        return None

    def reap_stragglers(self) -> None:
        """Wait for what the command left to end by itself; kill what does not."""
        deadline = time.monotonic() + STRAGGLER_SECONDS
        while alive():
            if time.monotonic() > deadline:
                self._kill()
            self._ended()
            time.sleep(0.05)

    def _ended(self) -> dict[int, int]:
        """Exit codes of the children that have ended; their time is counted."""
        codes = {}
        with contextlib.suppress(ChildProcessError):
            while True:
                pid, status, usage = os.wait4(-1, os.WNOHANG)
                if pid == 0:
                    break
                # Of the child and of all that it has waited for itself.
                self.cpu_seconds += usage.ru_utime + usage.ru_stime
                codes[pid] = os.waitstatus_to_exitcode(status)
        return codes

    def _kill(self) -> None:
        for process in alive():
            with contextlib.suppress(psutil.Error):
                process.kill()

    def sample(self) -> None:
        """Add what the living processes have used, and look at their memory."""
        pss = 0.0
        for process in alive():
            with contextlib.suppress(psutil.Error, OSError):
                times = process.cpu_times()
                is_java = process.name() == "java"
                self._last_seen[process.pid] = (is_java, times.user + times.system)
                pss += pss_mb(process.pid)
        self.peak_pss_mb = max(self.peak_pss_mb, pss)


def alive() -> list[psutil.Process]:
    """Every process below this one."""
    return psutil.Process().children(recursive=True)


def pss_mb(pid: int) -> float:
    """Proportional set size of a process, MB: pages that several share are divided among them."""
    lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
    return next((int(line.split()[1]) * 1024 / 1e6 for line in lines if line[:4] == "Pss:"), 0.0)


if __name__ == "__main__":
    main()
