"""A command measured as a whole: wall, CPU and memory of its process and all that it starts.

What goes here: one run. What stays out: which runs, and what they are compared with (in `cases`),
looking at processes (in `supervisor`).
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
    """A benchmark cannot be finished; the message says why and what helps."""


@dataclass(frozen=True)
class Measured:
    """What one run of a command took; stores that were started before count nowhere.

    Attributes:
        wall_seconds: from its start to its end.
        cpu_seconds: user and system time of the whole tree, processes that died included.
        peak_pss_mb: largest sum of the tree's proportional set sizes in a sample, MB.
        java_share_of_cpu: of `cpu_seconds`, estimated from samples.
        load: the machine's load average of a minute, before.
        output: what the command printed.
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
) -> Measured:
    """Run a command to its end.

    Args:
        command: program and arguments.
        environment: all that it sees.
        folder: where it runs.
        log: gets all that it prints.
        seconds: after which it is killed.

    Raises:
        BenchError: it did not exit with 0, or took too long.
    """
    load = os.getloadavg()[0]
    task = {
        "command": [str(part) for part in command],
        "environment": dict(environment),
        "folder": str(folder),
        "log": str(log),
        "seconds": seconds,
    }
    ended = subprocess.run(
        [sys.executable, "-m", "benchmarks.supervisor"],
        input=json.dumps(task),
        cwd=_ROOT,
        stdout=subprocess.PIPE,
        text=True,
        check=True,
    )
    figures = json.loads(ended.stdout)
    code = figures.pop("code")
    output = log.read_text(errors="replace")
    if code != 0:
        tail = "\n".join(output.splitlines()[-_TAIL:])
        what = f"was killed after {seconds:.0f} s" if code is None else f"exited with {code}"
        raise BenchError(f"{command[0]} {what}; its output is in {log} and ends:\n{tail}")
    return Measured(load=load, output=output, **figures)
