"""Dead runs: the process is gone, but Dagster would show the run as queued or started forever.

What goes here: finding these runs and marking them as failed. What stays out: deciding when
to look for dead runs (commands and a sensor do that).

If a run's tags name a process on this host, the run is dead if that process is gone. A process id
from another host means nothing here. All other runs count as dead once they exceed the time limits
of Dagster's daemon. The limits are applied here because a laptop may not be running the daemon. If
a started run has no recorded process, its code server is first asked whether it is executing the
run.
"""

import json
import os
import socket
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import psutil

from cryptoassets.embedded.owners import is_alive, started_after_boot

if TYPE_CHECKING:
    from dagster import DagsterInstance, DagsterRun, RunRecord

PROCESS_TAG = "cryptoassets/process"
KILLED = "The process of this run is gone: it was killed, or the machine went down"

START_LIMIT = timedelta(seconds=300)
"""Same as `run_monitoring.start_timeout_seconds` in `dagster.yaml`. A run that is launched in a new
process needs only seconds to start and to store that process in its tags."""
_GRPC_TAG = ".dagster/grpc_info"
_COORDINATOR = "QUEUED_RUN_COORDINATOR"


def process_tags(run_id: str) -> dict[str, str]:
    """Return the run tags by which the process of a run can be found later.

    They contain the run's own id, because a re-execution in Dagster's UI copies all tags of the
    first run, whose process may be long gone.
    """
    process = psutil.Process(os.getpid())
    words = [socket.gethostname(), str(process.pid), started_after_boot(process), run_id]
    return {PROCESS_TAG: " ".join(words)}


def fail_dead_runs(instance: "DagsterInstance") -> list[str]:
    """Mark as failed the unfinished runs whose process no longer exists.

    Returns:
        The ids of those runs.
    """
    failed = []
    for run in dead_runs(instance):
        # The run and its process may have ended normally since the run was read.
        current = instance.get_run_by_id(run.run_id)
        if current is not None and not current.is_finished:
            instance.report_run_failed(current, KILLED)
            failed.append(run.run_id)
    return failed


def dead_runs(instance: "DagsterInstance") -> list["DagsterRun"]:
    """Find unfinished runs whose process no longer exists; change nothing."""
    from dagster import DagsterRunStatus, RunsFilter  # noqa: PLC0415 - seconds of imports

    waiting = [
        DagsterRunStatus.QUEUED,
        DagsterRunStatus.NOT_STARTED,
        DagsterRunStatus.STARTING,
    ]
    running = [DagsterRunStatus.STARTED, DagsterRunStatus.CANCELING]
    records = instance.get_run_records(RunsFilter(statuses=[*waiting, *running]))
    return [record.dagster_run for record in records if _is_dead(instance, record)]


def _is_dead(instance: "DagsterInstance", record: "RunRecord") -> bool:
    from dagster import DagsterRunStatus  # noqa: PLC0415 - seconds of imports

    run = record.dagster_run
    host, *process = _recorded_process(run)
    if host == socket.gethostname():
        return not is_alive(*process)
    idle_time = datetime.now(UTC) - record.update_timestamp
    if run.status == DagsterRunStatus.QUEUED:
        return idle_time > START_LIMIT and not _has_coordinator(instance)
    if run.status != DagsterRunStatus.STARTED:
        return idle_time > START_LIMIT
    if not host and _is_without_code_server(run, idle_time):
        return True
    limit = timedelta(seconds=instance.run_monitoring_max_runtime_seconds)
    # The start time may be missing: Dagster records it only with the run's first event.
    started = record.start_time or record.create_timestamp.timestamp()
    return bool(limit) and datetime.now(UTC).timestamp() - started > limit.total_seconds()


def _recorded_process(run: "DagsterRun") -> tuple[str, str, str]:
    """Host, pid and start of the run's process; empty if not tagged or tagged for another run."""
    words = run.tags.get(PROCESS_TAG, "").split(" ")
    if len(words) != 4 or words[3] != run.run_id:  # noqa: PLR2004 - host, pid, start, run id
        return "", "", ""
    return words[0], words[1], words[2]


def _is_without_code_server(run: "DagsterRun", idle_time: timedelta) -> bool:
    """Return whether the run's code server is gone or is not executing the run."""
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
        response = deserialize_value(client.get_current_runs(), GetCurrentRunsResult)
    except DagsterUserCodeUnreachableError as error:
        # The server of `dagster dev` is a proxy, which does not know which runs are executing.
        if "UNIMPLEMENTED" in str(error):
            return False
        # A server on a Unix socket ran on this host and does not come back; on a TCP port it might.
        return "socket" in server and idle_time > START_LIMIT
    return run.run_id not in response.current_runs


def _has_coordinator(instance: "DagsterInstance") -> bool:
    """Return whether a live daemon will launch the queued runs."""
    heartbeat = instance.get_daemon_heartbeats().get(_COORDINATOR)
    now = datetime.now(UTC).timestamp()
    return heartbeat is not None and now - heartbeat.timestamp < START_LIMIT.total_seconds()
