"""A run whose process was killed is marked as failed, by a sensor or by the next command."""

import json
import os
import subprocess
import sys
import time
from typing import Any

import dagster as dg
import psutil
import pytest

from cryptoassets import sensors
from cryptoassets.embedded import Stack, dagster_instance
from cryptoassets.embedded.dead_runs import fail_dead_runs
from cryptoassets.project import project_root
from cryptoassets.upkeep.in_use import in_use
from cryptoassets_tests.e2e.platforms import CommandResult, new_platform, this_hour

pytestmark = [pytest.mark.mongo, pytest.mark.postgres]

_INGEST = """
import sys
from cryptoassets.definitions import defs
from cryptoassets.embedded import dagster_instance
with dagster_instance() as instance:
    defs.resolve_job_def("ingest").execute_in_process(
        instance=instance, partition_key=sys.argv[1], run_id=sys.argv[2], raise_on_error=False
    )
"""
_KILLED_BEFORE_ITS_START = """
import sys
import dagster._core.execution.execute_in_process as dagsters_own
from cryptoassets.embedded import dagster_instance
from cryptoassets.operations.progress import Silent
from cryptoassets.operations.runs import Runner

def wait_to_be_killed(**_):
    print("created", flush=True)
    sys.stdin.read()

# Dagster has created the run and is about to start it.
dagsters_own.ExecuteRunWithPlanIterable = wait_to_be_killed
with dagster_instance() as instance:
    Runner(Silent(), instance).execute("ingest", sys.argv[1])
"""


def test_only_a_run_whose_process_was_killed_is_marked_as_failed(
    stack: Stack, migrated_template: str, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """Otherwise Dagster would show the run as started forever, and Airflow would wait for it."""
    folder = tmp_path_factory.mktemp("killed")
    run_id = "0e1f7c6e-0000-4000-8000-0000000000aa"
    with new_platform(stack, migrated_template, folder) as platform:
        platform.put_faults({"route": "/assets", "kind": "slow"})
        with (
            platform.applied_settings(),
            dagster_instance() as instance,
            subprocess.Popen(
                [sys.executable, "-c", _INGEST, this_hour(), run_id],
                stderr=subprocess.DEVNULL,
                env=os.environ | {"PYTHONPATH": str(project_root())},
            ) as process,
        ):
            try:
                wait_until_fetching(instance, run_id)
                alive = fail_dead_runs(instance)
            finally:
                process.kill()
            process.wait()
            tick = sensors.dead_runs.evaluate_tick(dg.build_sensor_context(instance))
            run = instance.get_run_by_id(run_id)

    assert run_id not in alive
    assert run is not None
    assert dg.DagsterRunStatus.FAILURE == run.status
    assert run_id in (tick.skip_message or "")
    assert not psutil.pid_exists(process.pid)


def test_a_run_killed_before_its_start_is_marked_as_failed_by_the_next_command(
    stack: Stack, migrated_template: str, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """Otherwise `retention` and `heal_gaps` would wait for the run forever."""
    folder = tmp_path_factory.mktemp("created")
    with (
        new_platform(stack, migrated_template, folder) as platform,
        platform.applied_settings(),
        dagster_instance() as instance,
        subprocess.Popen(
            [sys.executable, "-c", _KILLED_BEFORE_ITS_START, this_hour()],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env=os.environ | {"PYTHONPATH": str(project_root())},
        ) as process,
    ):
        assert process.stdout is not None
        assert b"created\n" == process.stdout.readline()
        created = dg.RunsFilter(job_name="ingest", statuses=[dg.DagsterRunStatus.NOT_STARTED])
        (run,) = instance.get_runs(created)
        while_it_lives = (platform.command("up"), instance.get_run_by_id(run.run_id))
        process.kill()
        process.wait()
        shown = platform.command("status", "--json")
        up = platform.command("up")
        ended = instance.get_run_by_id(run.run_id)
        waited_for = in_use(instance)
        later = platform.command("status", "--json")

    assert run.run_id not in while_it_lives[0].text
    assert while_it_lives[1] == run
    failure = failed_ingest(shown)
    assert (1, "killed", run.run_id) == (shown.code, failure["outcome"], failure["run_id"])
    # The time of the failure is still when the run was killed, not when it was marked as failed.
    assert failure == failed_ingest(later)
    assert f"Marked run {run.run_id} as failed" in up.text
    assert ended is not None
    assert dg.DagsterRunStatus.FAILURE == ended.status
    assert run.run_id not in waited_for


def failed_ingest(status: CommandResult) -> dict[str, Any]:
    """Return the failed last run of `ingest` from `status --json`."""
    runs: list[dict[str, Any]] = json.loads(status.text)["failed_runs"]
    (failure,) = [run for run in runs if run["job"] == "ingest"]
    return failure


def wait_until_fetching(instance: dg.DagsterInstance, run_id: str) -> None:
    """Wait until the run is started and tagged with its process."""
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        run = instance.get_run_by_id(run_id)
        if run and run.status == dg.DagsterRunStatus.STARTED and "cryptoassets/process" in run.tags:
            return
        time.sleep(0.1)
    pytest.fail("the run did not start")
