"""A launch creates exactly one Dagster run, whichever process is killed."""

import contextlib
import os
import signal

import psutil
import pytest

from cryptoassets.embedded.dead_runs import PROCESS_TAG
from cryptoassets.embedded.processes import Program
from cryptoassets_tests.airflow_plugin.live.airflow import Airflow, until
from cryptoassets_tests.airflow_plugin.live.dagster import Dagster, LosingProxy
from cryptoassets_tests.airflow_plugin.live.past import hour_before, hour_key, plant
from cryptoassets_tests.e2e.stores import Stores

pytestmark = pytest.mark.timeout(400)
HOUR = hour_before(40)
INGEST = {"job": "ingest", "partition": hour_key(HOUR)}


@pytest.fixture(scope="module", autouse=True)
def planted(stores: Stores) -> None:
    """Store documents of a past hour, because the current hour may end during a test."""
    plant(stores, HOUR)


def test_a_launch_whose_response_is_lost_creates_one_run(
    airflow: Airflow, dagster: Dagster, proxy: LosingProxy
) -> None:
    """Dagster has started the run, so a second launch would create a duplicate."""
    run_id = airflow.trigger("live_lost_response", **INGEST)

    airflow.await_task("success", "live_lost_response", run_id)

    assert 1 == len(dagster.runs(run_id=run_id))
    assert 1 == proxy.launches
    assert "The launch did arrive" in airflow.log("live_lost_response", run_id)


def test_a_killed_task_finds_its_run_again(airflow: Airflow, dagster: Dagster) -> None:
    """A lost worker must not lead to a second run."""
    run_id = airflow.trigger("live_held", **INGEST)
    dagster.await_run(run_id, "QUEUED", "STARTING", "STARTED")
    for process in until(airflow.task_processes, 10):
        process.kill()

    task = airflow.await_task("success", "live_held", run_id)

    assert 2 <= task.tries
    assert 1 == len(dagster.runs(run_id=run_id))
    assert "Re-attached to Dagster run" in airflow.log("live_held", run_id)


@pytest.mark.long
def test_a_launch_during_which_the_webserver_is_killed_creates_one_run(
    airflow: Airflow, dagster: Dagster, frail_proxy: LosingProxy, frail_webserver: Program
) -> None:
    """The run already exists, and the restarted webserver finds it."""

    def kill_and_start_again() -> None:
        until(lambda: dagster.runs(dag_id="live_killed_webserver"), 30)
        kill(frail_webserver)
        frail_webserver.start()

    frail_proxy.instead = kill_and_start_again
    run_id = airflow.trigger("live_killed_webserver", **INGEST)

    airflow.await_task("success", "live_killed_webserver", run_id, within=180)

    assert 1 == len(dagster.runs(run_id=run_id))
    assert 1 == frail_proxy.launches


@pytest.mark.parametrize("name", ["triggerer", pytest.param("scheduler", marks=pytest.mark.long)])
def test_a_killed_component_of_airflow_continues_after_its_restart(
    airflow: Airflow, dagster: Dagster, name: str
) -> None:
    """Airflow stores triggers in its database, so a deferred task can continue to wait."""
    run_id = airflow.trigger("live_deferred", **INGEST)
    airflow.await_task("deferred", "live_deferred", run_id)
    program = airflow.programs[name]
    assert program.process is not None
    workers = psutil.Process(program.process.pid).children(recursive=True)
    kill(program)
    # The workers of a killed scheduler would never end.
    for worker in workers:
        with contextlib.suppress(psutil.NoSuchProcess):
            worker.kill()
    program.start()

    task = airflow.await_task("success", "live_deferred", run_id, within=180)

    assert 1 == task.tries
    assert 1 == len(dagster.runs(run_id=run_id))


def test_waiting_ends_if_the_process_of_the_dagster_run_dies(
    airflow: Airflow, dagster: Dagster
) -> None:
    """The sensor `dead_runs` fails the run within a minute; the task's retry launches another."""
    # `process` runs long enough to be killed.
    run_id = airflow.trigger("live_deferred", **(INGEST | {"job": "process"}))
    dead = dagster.await_run(run_id, "STARTED")
    os.kill(int(until(lambda: process_of(dagster, dead["runId"]), 30)), signal.SIGKILL)

    airflow.await_task("success", "live_deferred", run_id, within=240)

    statuses = {run["runId"]: run["status"] for run in dagster.runs(run_id=run_id)}
    assert "FAILURE" == statuses.pop(dead["runId"])
    assert ["SUCCESS"] == list(statuses.values())


def kill(program: Program) -> None:
    """Send SIGKILL, as the kernel does when memory runs out."""
    assert program.process is not None
    program.process.kill()
    program.process.wait()


def process_of(dagster: Dagster, dagster_run_id: str) -> str | None:
    """Return the process id from a Dagster run's tag; None if the tag is not set yet."""
    run = next(run for run in dagster.runs() if run["runId"] == dagster_run_id)
    tag = run["tags"].get(PROCESS_TAG)
    return tag.split(" ")[1] if tag else None
