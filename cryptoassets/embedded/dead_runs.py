"""Runs whose process is gone: Dagster would show them as started for ever.

What goes here: finding and failing them. What stays out: when that is done (`run`, `up` and a
sensor do it). Only runs of this host are judged: the process ids of others say nothing here.
"""

import os
import socket
from typing import TYPE_CHECKING

import psutil

if TYPE_CHECKING:
    from dagster import DagsterInstance, DagsterRun

PROCESS_TAG = "cryptoassets/process"


def process_tags() -> dict[str, str]:
    """Run tags by which the process of a run can be found again."""
    process = psutil.Process(os.getpid())
    return {PROCESS_TAG: f"{socket.gethostname()} {process.pid} {_started_after_boot(process)}"}


def fail_dead_runs(instance: "DagsterInstance") -> list[str]:
    """Mark started runs as failed whose process, on this host, no longer exists.

    Returns:
        The ids of those runs.
    """
    from dagster import DagsterRunStatus, RunsFilter  # noqa: PLC0415 - seconds of imports

    going = [DagsterRunStatus.STARTED, DagsterRunStatus.CANCELING]
    dead = [run for run in instance.get_runs(RunsFilter(statuses=going)) if _is_dead(run)]
    for run in dead:
        instance.report_run_failed(
            run, "The process of this run is gone: it was killed, or the machine went down"
        )
    return [run.run_id for run in dead]


def _is_dead(run: "DagsterRun") -> bool:
    words = run.tags.get(PROCESS_TAG, "").split(" ")
    if len(words) != 3 or words[0] != socket.gethostname():  # noqa: PLR2004 - host, pid, start
        return False
    try:
        process = psutil.Process(int(words[1]))
        # Another process may have the number by now.
        return _started_after_boot(process) != words[2] or process.status() == "zombie"
    except psutil.NoSuchProcess:
        return True


def _started_after_boot(process: psutil.Process) -> str:
    # Not the time of day, which moves when the clock is set.
    return f"{process.create_time() - psutil.boot_time():.1f}"
