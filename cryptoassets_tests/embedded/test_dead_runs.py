"""Dead runs: a run is marked as failed if its process is gone, but not if it is still alive."""

import json
import socket
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path

import dagster as dg
import grpc
import psycopg
import pytest
from dagster._core.remote_origin import (
    RegisteredCodeLocationOrigin,
    RemoteJobOrigin,
    RemoteRepositoryOrigin,
)
from dagster._core.types.loadable_target_origin import LoadableTargetOrigin
from dagster._daemon.types import DaemonHeartbeat
from dagster._grpc.server import GrpcServerProcess

from cryptoassets import jobs
from cryptoassets.embedded import Stack, dagster_instance
from cryptoassets.embedded.dead_runs import PROCESS_TAG, dead_runs, fail_dead_runs, process_tags

pytestmark = pytest.mark.postgres

_GRPC_TAG = ".dagster/grpc_info"
_GONE_SERVER = {_GRPC_TAG: '{"host": "localhost", "socket": "/tmp/no-such-socket"}'}
_DEAD_PID = "4194999"
"""Larger than any process id on Linux."""
_CODE = """
import dagster as dg
@dg.op
def nothing(): ...
@dg.job
def toy(): nothing()
"""
NOT_STARTED, QUEUED, STARTING, STARTED, CANCELING = (
    dg.DagsterRunStatus.NOT_STARTED,
    dg.DagsterRunStatus.QUEUED,
    dg.DagsterRunStatus.STARTING,
    dg.DagsterRunStatus.STARTED,
    dg.DagsterRunStatus.CANCELING,
)


@pytest.fixture
def instance(stack: Stack, monkeypatch: pytest.MonkeyPatch) -> Iterator[dg.DagsterInstance]:
    """The shared instance, without daemon heartbeats; the test's runs are deleted afterwards."""
    monkeypatch.setenv("POSTGRES_URL", stack.postgres_url())
    with dagster_instance() as opened:
        opened.wipe_daemon_heartbeats()
        yield opened
        opened.wipe_daemon_heartbeats()
        for run in opened.get_runs(dg.RunsFilter(job_name=jobs.end_dead_runs.name)):
            opened.delete_run(run.run_id)


def a_run(
    stack: Stack,
    instance: dg.DagsterInstance,
    status: dg.DagsterRunStatus,
    idle_time: timedelta,
    tags: dict[str, str],
) -> str:
    """Create a run that has this status and was last updated `idle_time` ago; return its id."""
    location = RegisteredCodeLocationOrigin("cryptoassets")
    origin = RemoteJobOrigin(RemoteRepositoryOrigin(location, "__repository__"), "end_dead_runs")
    run_id = instance.create_run_for_job(
        jobs.end_dead_runs, status=status, remote_job_origin=origin
    ).run_id
    if tags:
        instance.add_run_tags(run_id, tags)
    moment = datetime.now(UTC) - idle_time
    with psycopg.connect(stack.postgres_url("dagster")) as connection:
        connection.execute(
            "UPDATE runs SET update_timestamp = %s, start_time = %s WHERE run_id = %s",
            [moment.replace(tzinfo=None), moment.timestamp(), run_id],
        )
    return run_id


@pytest.mark.parametrize(
    ("status", "minutes", "tags", "is_dead"),
    [
        # Dagster creates a run, then starts it; another process may look for dead runs in between.
        (NOT_STARTED, 1, {}, False),
        (NOT_STARTED, 6, {}, True),
        (STARTING, 1, _GONE_SERVER, False),
        (STARTING, 6, _GONE_SERVER, True),
        (CANCELING, 6, {}, True),
        # Without a daemon, queued runs are never launched.
        (QUEUED, 1, {}, False),
        (QUEUED, 6, {}, True),
        # The run was killed together with its code server, before it was tagged with its process.
        (STARTED, 1, _GONE_SERVER, False),
        (STARTED, 6, _GONE_SERVER, True),
        # Without a process or code server to check, Dagster's limit `max_runtime_seconds` applies.
        (STARTED, 60, {}, False),
        (STARTED, 121, {}, True),
    ],
)
def test_a_run_without_a_process_tag_is_dead_after_some_time_without_updates(
    stack: Stack,
    instance: dg.DagsterInstance,
    status: dg.DagsterRunStatus,
    minutes: int,
    tags: dict[str, str],
    *,
    is_dead: bool,
) -> None:
    """`retention` and `heal_gaps` must not wait forever for a killed run."""
    run_id = a_run(stack, instance, status, timedelta(minutes=minutes), tags)

    failed = fail_dead_runs(instance)

    run = instance.get_run_by_id(run_id)
    assert run is not None
    assert is_dead == (run_id in failed)
    assert is_dead == (run.status == dg.DagsterRunStatus.FAILURE)


def test_a_queued_run_is_left_to_a_live_daemon(stack: Stack, instance: dg.DagsterInstance) -> None:
    """The daemon will start it later: only two runs execute at once, and the others are queued."""
    run_id = a_run(stack, instance, QUEUED, timedelta(hours=1), {})
    heartbeat = DaemonHeartbeat(time.time(), "QUEUED_RUN_COORDINATOR", None, None)
    instance.add_daemon_heartbeat(heartbeat)

    assert run_id not in fail_dead_runs(instance)


@pytest.mark.parametrize("status", [NOT_STARTED, STARTED, CANCELING])
def test_a_run_is_dead_as_soon_as_its_tagged_process_is_gone(
    stack: Stack, instance: dg.DagsterInstance, status: dg.DagsterRunStatus
) -> None:
    """Commands tag runs with their process, so the next command finds dead runs without waiting."""
    living = a_run(stack, instance, status, timedelta(hours=3), {})
    instance.add_run_tags(living, process_tags(living))
    killed = a_run(stack, instance, status, timedelta(), {})
    instance.add_run_tags(killed, {PROCESS_TAG: f"{socket.gethostname()} {_DEAD_PID} 1.0 {killed}"})

    assert [killed] == [run.run_id for run in dead_runs(instance)]


def test_another_hosts_process_id_is_ignored(stack: Stack, instance: dg.DagsterInstance) -> None:
    """If two machines share a database, the same pid means a different process on each."""
    run_id = a_run(stack, instance, STARTED, timedelta(hours=1), {})
    instance.add_run_tags(run_id, {PROCESS_TAG: f"elsewhere {_DEAD_PID} 1.0 {run_id}"})

    assert run_id not in fail_dead_runs(instance)


def test_a_re_executed_run_is_not_judged_by_the_process_of_the_first_run(
    stack: Stack, instance: dg.DagsterInstance
) -> None:
    """Dagster's UI copies all tags of the first run, whose process has ended."""
    copied = f"{socket.gethostname()} {_DEAD_PID} 1.0 another-run"
    run_id = a_run(stack, instance, NOT_STARTED, timedelta(), {PROCESS_TAG: copied})

    assert run_id not in fail_dead_runs(instance)


def test_a_started_run_that_its_code_server_does_not_execute_is_dead(
    stack: Stack, instance: dg.DagsterInstance, tmp_path: Path
) -> None:
    """For example, the container of the code server was restarted during the run."""
    file = tmp_path / "code.py"
    file.write_text(_CODE)
    origin = LoadableTargetOrigin(executable_path=sys.executable, python_file=str(file))
    with GrpcServerProcess(
        instance.get_ref(), loadable_target_origin=origin, wait_on_exit=True
    ) as server:
        client = server.create_client()
        tags = {_GRPC_TAG: f'{{"host": "localhost", "socket": "{client.socket}"}}'}
        run_id = a_run(stack, instance, STARTED, timedelta(seconds=1), tags)

        failed = fail_dead_runs(instance)
        server.shutdown_server()

    assert run_id in failed


def test_a_long_run_behind_a_proxy_is_not_dead(
    stack: Stack, instance: dg.DagsterInstance, tmp_path: Path
) -> None:
    """The code server of `dagster dev` is a proxy, which cannot tell which runs are executing."""
    address = f"unix:{tmp_path / 'socket'}"
    proxy = grpc.server(ThreadPoolExecutor(1))
    proxy.add_insecure_port(address)
    proxy.start()
    tags = {_GRPC_TAG: json.dumps({"host": "localhost", "socket": str(tmp_path / "socket")})}
    run_id = a_run(stack, instance, STARTED, timedelta(minutes=6), tags)

    failed = fail_dead_runs(instance)
    proxy.stop(None)

    assert run_id not in failed
