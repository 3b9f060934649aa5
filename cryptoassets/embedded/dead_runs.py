"""Runs whose process is gone: Dagster would show them as waiting or started for ever.

What goes here: finding and failing them. What stays out: when that is done (commands and a sensor
do it). A run that notes a process of this host is judged by that process. The process ids of other
hosts say nothing here: such runs, and those that note none, are judged by their code server or by
the time limits that Dagster's daemon has; a laptop has no daemon.
"""

import json
import os
import socket
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import psutil

from cryptoassets.embedded.owners import lives, started_after_boot

if TYPE_CHECKING:
    from dagster import DagsterInstance, DagsterRun, RunRecord

PROCESS_TAG = "cryptoassets/process"
KILLED = "The process of this run is gone: it was killed, or the machine went down"

START_LIMIT = timedelta(seconds=300)
"""As `run_monitoring.start_timeout_seconds` in `dagster.yaml`: a run that is launched by another
process starts, and notes its process, within seconds."""
_GRPC_TAG = ".dagster/grpc_info"
_COORDINATOR = "QUEUED_RUN_COORDINATOR"


def process_tags(run_id: str) -> dict[str, str]:
    """Run tags by which the process of a run can be found again.

    The run's own id is part of them: a run that is executed again in Dagster's UI copies all tags
    of the first one, whose process may be long gone.
    """
    process = psutil.Process(os.getpid())
    words = [socket.gethostname(), str(process.pid), started_after_boot(process), run_id]
    return {PROCESS_TAG: " ".join(words)}


def fail_dead_runs(instance: "DagsterInstance") -> list[str]:
    """Mark runs as failed that have not ended and whose process no longer exists.

    Returns:
        The ids of those runs.
    """
    failed = []
    for run in dead_runs(instance):
        # It may have ended by itself, and its process with it, since it was read.
        current = instance.get_run_by_id(run.run_id)
        if current is not None and not current.is_finished:
            instance.report_run_failed(current, KILLED)
            failed.append(run.run_id)
    return failed


def dead_runs(instance: "DagsterInstance") -> list["DagsterRun"]:
    """Find runs that have not ended and whose process no longer exists; nothing is changed."""
    from dagster import DagsterRunStatus, RunsFilter  # noqa: PLC0415 - seconds of imports

    waiting = [
        DagsterRunStatus.QUEUED,
        DagsterRunStatus.NOT_STARTED,
        DagsterRunStatus.STARTING,
    ]
    going = [DagsterRunStatus.STARTED, DagsterRunStatus.CANCELING]
    records = instance.get_run_records(RunsFilter(statuses=[*waiting, *going]))
    return [record.dagster_run for record in records if _is_dead(instance, record)]


def _is_dead(instance: "DagsterInstance", record: "RunRecord") -> bool:
    from dagster import DagsterRunStatus  # noqa: PLC0415 - seconds of imports

    run = record.dagster_run
    host, *process = _noted_process(run)
    if host == socket.gethostname():
        return not lives(*process)
    silent = datetime.now(UTC) - record.update_timestamp
    if run.status == DagsterRunStatus.QUEUED:
        return silent > START_LIMIT and not _has_coordinator(instance)
    if run.status != DagsterRunStatus.STARTED:
        return silent > START_LIMIT
    if not host and _is_without_code_server(run, silent):
        return True
    limit = timedelta(seconds=instance.run_monitoring_max_runtime_seconds)
    # Dagster notes the start of a run with its first event, which may be missing.
    started = record.start_time or record.create_timestamp.timestamp()
    return bool(limit) and datetime.now(UTC).timestamp() - started > limit.total_seconds()


def _noted_process(run: "DagsterRun") -> tuple[str, str, str]:
    """Host, pid and start of the run's process; empty when none is noted, or another run's."""
    words = run.tags.get(PROCESS_TAG, "").split(" ")
    if len(words) != 4 or words[3] != run.run_id:  # noqa: PLR2004 - host, pid, start, run id
        return "", "", ""
    return words[0], words[1], words[2]


def _is_without_code_server(run: "DagsterRun", silent: timedelta) -> bool:
    """Whether the code server that was asked to execute a run does not, or is gone."""
    from dagster._core.errors import DagsterUserCodeUnreachableError  # noqa: PLC0415
    from dagster._grpc.client import DagsterGrpcClient  # noqa: PLC0415
    from dagster._grpc.types import GetCurrentRunsResult  # noqa: PLC0415
    from dagster._serdes import deserialize_value  # noqa: PLC0415

    server = json.loads(run.tags.get(_GRPC_TAG, "{}"))
    if not server:
        return False
    client = DagsterGrpcClient(
        host=server["host"],
        port=server.get("port"),
        socket=server.get("socket"),
        use_ssl=server.get("use_ssl", False),
    )
    try:
        answer = deserialize_value(client.get_current_runs(), GetCurrentRunsResult)
    except DagsterUserCodeUnreachableError:
        # A socket is of this host, and its server does not come back; another host's may.
        return "socket" in server and silent > START_LIMIT
    return run.run_id not in answer.current_runs


def _has_coordinator(instance: "DagsterInstance") -> bool:
    """Whether a daemon lives that will launch what is queued."""
    heartbeat = instance.get_daemon_heartbeats().get(_COORDINATOR)
    now = datetime.now(UTC).timestamp()
    return heartbeat is not None and now - heartbeat.timestamp < START_LIMIT.total_seconds()
