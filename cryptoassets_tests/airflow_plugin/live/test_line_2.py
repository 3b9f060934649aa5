"""Scheduling, backfilling and cancelling also work on Airflow 2.11."""

import pytest

from cryptoassets_tests.airflow_plugin.live import test_backfill, test_cancel, test_scheduled
from cryptoassets_tests.airflow_plugin.live.airflow import Airflow, until
from cryptoassets_tests.airflow_plugin.live.dagster import Dagster
from cryptoassets_tests.airflow_plugin.live.past import plant
from cryptoassets_tests.e2e.stores import Stores

pytestmark = [pytest.mark.airflow2, pytest.mark.timeout(600)]


def test_all_dags_load(airflow: Airflow) -> None:
    """The DAG with dagster-airflow's own operator loads as well."""
    assert [] == airflow.rows("SELECT filename, stacktrace FROM import_error")
    named = "SELECT dag_id FROM dag WHERE dag_id = 'launch_by_dagster_airflow'"
    assert until(lambda: airflow.rows(named), 60)


def test_a_scheduled_run_ends_with_rows_in_postgresql(
    airflow: Airflow, dagster: Dagster, stores: Stores
) -> None:
    """The test is the same as for Airflow 3."""
    test_scheduled.test_a_scheduled_run_ends_with_rows_in_postgresql(airflow, dagster, stores)


def test_marking_a_deferred_task_as_failed_stops_spark_and_frees_the_lock(
    airflow: Airflow, dagster: Dagster, stores: Stores
) -> None:
    """Airflow 2 does not call `on_kill`, so the trigger must check why it was cancelled."""
    plant(stores, test_cancel.HOUR)

    test_cancel.test_marking_a_deferred_task_as_failed_stops_spark_and_frees_the_lock(
        airflow, dagster, stores
    )


@pytest.mark.long
@pytest.mark.parametrize(("oldest", "newest"), [(4, 3), (12, 8)])
def test_a_backfill_of_days_launches_one_run_per_day(
    airflow: Airflow, dagster: Dagster, stores: Stores, oldest: int, newest: int
) -> None:
    """Airflow 2 and 3 must run the same days, although "@daily" has different meanings."""
    test_backfill.test_a_backfill_of_days_launches_one_run_per_day(
        airflow, dagster, stores, oldest, newest
    )


def test_dagster_airflows_own_operator_launches_a_job_without_partition(
    airflow: Airflow, dagster: Dagster
) -> None:
    """The operator supports only unpartitioned jobs; the DAG's documentation lists its limits."""
    airflow.unpause("launch_by_dagster_airflow")
    run_id = airflow.trigger("launch_by_dagster_airflow")

    airflow.await_task("success", "launch_by_dagster_airflow", run_id, "end_dead_runs")

    jobs = [run["jobName"] for run in dagster.runs()]
    assert 1 == jobs.count("end_dead_runs")
    until(lambda: run_id in airflow.dag_runs("launch_by_dagster_airflow"), 10)
