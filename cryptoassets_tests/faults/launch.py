"""Launches a Dagster run as `dagster dev` does, and waits for its end; exits 0 if it succeeded.

What goes here: a code server, Dagster's own launcher, and ending the run on SIGTERM or SIGINT as
the button "Terminate" does. What stays out: Dagster's web server and daemon, which only request
launches, but take several seconds of CPU time per minute.
"""

import signal
import sys
import time
from types import FrameType
from typing import NoReturn

from dagster import DagsterInstance, DagsterRun
from dagster._core.launcher.default_run_launcher import DefaultRunLauncher
from dagster._core.remote_origin import (
    ManagedGrpcPythonEnvCodeLocationOrigin,
    RemoteJobOrigin,
    RemoteRepositoryOrigin,
)
from dagster._core.types.loadable_target_origin import LoadableTargetOrigin
from dagster._grpc.server import GrpcServerProcess

from cryptoassets.definitions import defs
from cryptoassets.embedded import dagster_instance

_HEARTBEAT_SECONDS = 30
"""The code server ends if its runs have ended and it gets no heartbeat for this long."""
_CODE = LoadableTargetOrigin(
    executable_path=sys.executable, module_name="cryptoassets.definitions", attribute="defs"
)


def main(job: str, partition: str) -> int:
    """Launch a job for a partition; return the exit code."""
    # Needed if the caller's shell ignores SIGINT.
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, _interrupt)
    with (
        dagster_instance() as instance,
        GrpcServerProcess(
            instance.get_ref(),
            location_name="cryptoassets",
            loadable_target_origin=_CODE,
            heartbeat=True,
            heartbeat_timeout=_HEARTBEAT_SECONDS,
            startup_timeout=90,
        ) as server,
    ):
        client = server.create_client()
        run = _create(instance, job, partition)
        try:
            DefaultRunLauncher.launch_run_from_grpc_client(instance, run, client)
            return _wait(instance, run.run_id, client.heartbeat)
        except KeyboardInterrupt:
            instance.run_launcher.terminate(run.run_id)
            _wait(instance, run.run_id, client.heartbeat)
            return 130


def _create(instance: DagsterInstance, job: str, partition: str) -> DagsterRun:
    location = ManagedGrpcPythonEnvCodeLocationOrigin(_CODE, location_name="cryptoassets")
    definition = defs.resolve_job_def(job)
    return instance.create_run_for_job(
        definition,
        tags={"dagster/partition": partition},
        remote_job_origin=RemoteJobOrigin(
            RemoteRepositoryOrigin(location, "__repository__"), definition.name
        ),
    )


def _wait(instance: DagsterInstance, run_id: str, heartbeat: object) -> int:
    while True:
        run = instance.get_run_by_id(run_id)
        if run is None or run.is_finished:
            return 0 if run is not None and run.is_success else 1
        if callable(heartbeat):
            heartbeat()
        time.sleep(0.5)


def _interrupt(_number: int, _frame: FrameType | None) -> NoReturn:
    raise KeyboardInterrupt


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
