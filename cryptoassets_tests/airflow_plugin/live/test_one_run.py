"""Promise: whatever is killed, one launch is one Dagster run, and Airflow learns its true end."""

import signal

import pytest

from cryptoassets_tests.airflow_plugin.live.airflow import Airflow, until
from cryptoassets_tests.airflow_plugin.live.dagster import Dagster, LosingProxy
from cryptoassets_tests.airflow_plugin.live.past import hour_before, hour_key

pytestmark = pytest.mark.timeout(300)
INGEST = {"job": "ingest", "partition": hour_key(hour_before(0))}


def test_a_lost_answer_to_a_launch_gives_one_run(
    airflow: Airflow, dagster: Dagster, proxy: LosingProxy
) -> None:
    """Dagster had started the run; launching again would have made two."""
    run_id = airflow.trigger("live_lost_answer", **INGEST)

    airflow.await_task("success", "live_lost_answer", run_id)

    assert 1 == len(dagster.runs(run_id=run_id))
    assert 1 == proxy.launches
    assert "The launch did arrive" in airflow.log("live_lost_answer", run_id)


def test_a_killed_task_finds_its_run_again(airflow: Airflow, dagster: Dagster) -> None:
    """A worker that is lost must not cost a second run."""
    run_id = airflow.trigger("live_held", **INGEST)
    dagster.await_run(run_id, "QUEUED", "STARTING", "STARTED")
    for process in until(airflow.task_processes, 10):
        process.kill()

    task = airflow.await_task("success", "live_held", run_id)

    assert 2 <= task.tries
    assert 1 == len(dagster.runs(run_id=run_id))
    assert "Re-attached to Dagster run" in airflow.log("live_held", run_id)


def test_a_killed_triggerer_goes_on_after_its_restart(airflow: Airflow, dagster: Dagster) -> None:
    """The wait is not in its memory."""
    run_id = airflow.trigger("live_deferred", **INGEST)
    airflow.await_task("deferred", "live_deferred", run_id)
    triggerer = airflow.programs["triggerer"]
    assert triggerer.process is not None
    triggerer.process.send_signal(signal.SIGKILL)
    triggerer.process.wait()
    triggerer.start()

    task = airflow.await_task("success", "live_deferred", run_id, within=180)

    assert 1 == task.tries
    assert 1 == len(dagster.runs(run_id=run_id))
