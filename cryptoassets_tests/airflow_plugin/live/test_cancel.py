"""Cancelling a task stops its Dagster run and Spark, and releases the run's lock."""

import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress

import psutil
import psycopg
import pytest

from cryptoassets.resources.locks import lock
from cryptoassets_tests.airflow_plugin.live.airflow import Airflow, until
from cryptoassets_tests.airflow_plugin.live.dagster import Dagster
from cryptoassets_tests.airflow_plugin.live.past import hour_before, hour_key, plant
from cryptoassets_tests.e2e.stores import Stores

pytestmark = pytest.mark.timeout(300)
HOUR = hour_before(30)
PROCESS = {"job": "process", "partition": hour_key(HOUR)}
STOP_SECONDS = 10
WAITING = "SELECT count(*) FROM pg_locks WHERE locktype = 'transactionid' AND NOT granted"


@pytest.fixture(scope="module", autouse=True)
def planted(stores: Stores) -> None:
    """Store documents to process."""
    plant(stores, HOUR)


@contextmanager
def publishing_blocked(stores: Stores) -> Iterator[None]:
    """Hold the partition's lock, so that a run waits for it with Spark running."""
    with psycopg.connect(stores.postgres_url) as connection:
        for asset in ("warehouse/coins", "warehouse/coin_prices"):
            lock(connection.cursor(), asset, PROCESS["partition"])
        yield


def await_blocked(stores: Stores) -> None:
    """Wait until the run waits for the lock."""
    until(lambda: stores.rows(WAITING)[0][0] > 0, 120)


def spark_processes() -> list[int]:
    """Return the Java processes of Spark that this test run's Dagster started."""
    found = []
    for child in psutil.Process().children(recursive=True):
        with suppress(psutil.NoSuchProcess):
            found += [child.pid] if child.name() == "java" else []
    return found


def assert_all_stopped(dagster: Dagster, stores: Stores, run_id: str, started: float) -> None:
    """Check that the run, its wait for the lock and its JVM ended within 10 s after `started`."""
    dagster.await_run(run_id, "CANCELED", within=STOP_SECONDS)
    until(lambda: stores.rows(WAITING)[0][0] == 0, STOP_SECONDS)
    until(lambda: not spark_processes(), STOP_SECONDS)
    assert time.monotonic() - started < STOP_SECONDS


def test_marking_a_deferred_task_as_failed_stops_spark_and_frees_the_lock(
    airflow: Airflow, dagster: Dagster, stores: Stores
) -> None:
    """If a task is shown as failed, its Dagster run must not continue."""
    with publishing_blocked(stores):
        run_id = airflow.trigger("live_deferred", **PROCESS)
        await_blocked(stores)
        assert spark_processes()

        started = time.monotonic()
        airflow.mark_failed("live_deferred", run_id)

        assert_all_stopped(dagster, stores, run_id, started)


@pytest.mark.long
def test_clearing_a_task_that_waits_in_a_worker_stops_its_run_and_launches_another(
    airflow: Airflow, dagster: Dagster, stores: Stores
) -> None:
    """Clearing restarts the task from the beginning."""
    with publishing_blocked(stores):
        run_id = airflow.trigger("live_held", **PROCESS)
        await_blocked(stores)
        airflow.clear("live_held", run_id)
        until(lambda: "CANCELED" in [run["status"] for run in dagster.runs(run_id=run_id)], 30)

    airflow.await_task("success", "live_held", run_id)

    assert ["SUCCESS", "CANCELED"] == [run["status"] for run in dagster.runs(run_id=run_id)]


@pytest.mark.parametrize(
    "dag_id", [pytest.param("live_timeout", marks=pytest.mark.long), "live_task_timeout"]
)
def test_a_timeout_stops_the_run(
    airflow: Airflow, dagster: Dagster, stores: Stores, dag_id: str
) -> None:
    """Airflow 3 ignores the time limit of a deferred task, so the operator enforces it."""
    with publishing_blocked(stores):
        run_id = airflow.trigger(dag_id, **PROCESS)
        airflow.await_task("failed", dag_id, run_id)

        dagster.await_run(run_id, "CANCELED", within=STOP_SECONDS)


@pytest.mark.long
def test_a_timeout_stops_the_run_even_without_a_triggerer(
    airflow: Airflow, dagster: Dagster, stores: Stores
) -> None:
    """Without a triggerer, the scheduler ends the wait, and Airflow does not call `resume`."""
    triggerer = airflow.programs["triggerer"]
    assert triggerer.process is not None
    triggerer.process.kill()
    triggerer.process.wait()
    try:
        with publishing_blocked(stores):
            run_id = airflow.trigger("live_timeout", **PROCESS)
            airflow.await_task("failed", "live_timeout", run_id)

            dagster.await_run(run_id, "CANCELED", within=STOP_SECONDS)
    finally:
        triggerer.start()
