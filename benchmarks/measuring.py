"""Measures a command: its wall time, and the CPU time and memory of its whole process tree.

What goes here: measuring one run. What stays out: which runs are measured and compared (in
`cases`), sampling processes (in `supervisor`).
"""

import json
import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

_TAIL = 30
_ROOT = Path(__file__).resolve().parent.parent


class BenchError(Exception):
    """A benchmark cannot be finished; the message contains the reason."""


@dataclass(frozen=True)
class Measurement:
    """The figures for one run of a command; they do not include stores started before the run.

    Attributes:
        wall_seconds: time from the command's start to its end.
        cpu_seconds: user and system time of the process tree, including ended processes.
        peak_pss_mb: largest sum of the processes' proportional set sizes in a sample, MB.
        java_share_of_cpu: Java's share of `cpu_seconds`, estimated from samples.
        load: the machine's one-minute load average before the run.
        output: the command's output.
    """

    wall_seconds: float
    cpu_seconds: float
    peak_pss_mb: float
    java_share_of_cpu: float
    load: float
    output: str = field(repr=False, default="")


def measure(
    command: Sequence[str | Path],
    environment: Mapping[str, str],
    *,
    folder: Path,
    log: Path,
    seconds: float = 3600,
) -> Measurement:
    """Run a command and measure it.

    Args:
        command: program and arguments.
        environment: all environment variables of the command.
        folder: working directory of the command.
        log: file for the command's output.
        seconds: time after which the command is killed.

    Raises:
        BenchError: the command did not exit with 0, or took too long.
    """
    load = os.getloadavg()[0]
    task = {
        "command": [str(part) for part in command],
        "environment": dict(environment),
        "folder": str(folder),
        "log": str(log),
        "seconds": seconds,
    }
    completed = subprocess.run(
        [sys.executable, "-m", "benchmarks.supervisor"],
        input=json.dumps(task),
        cwd=_ROOT,
        stdout=subprocess.PIPE,
        text=True,
        check=True,
    )
    figures = json.loads(completed.stdout)
    code = figures.pop("code")
    output = log.read_text(errors="replace")
    if code != 0:
        tail = "\n".join(output.splitlines()[-_TAIL:])
        end = f"was killed after {seconds:.0f} s" if code is None else f"exited with {code}"
        raise BenchError(f"{command[0]} {end}; its output is in {log} and ends with:\n{tail}")
    return Measurement(load=load, output=output, **figures)
