"""Scheduled DAG runs write rows to PostgreSQL."""

import pytest

from cryptoassets_tests.airflow_plugin.live.airflow import Airflow, until
from cryptoassets_tests.airflow_plugin.live.dagster import Dagster
from cryptoassets_tests.e2e.stores import Stores

DAG_ID = "materialize_cryptoassets_snapshots"


@pytest.mark.timeout(600)
def test_a_scheduled_run_ends_with_rows_in_postgresql(
    airflow: Airflow, dagster: Dagster, stores: Stores
) -> None:
    """Three tasks launch three Dagster runs for one hour and its day."""
    airflow.unpause(DAG_ID)
    try:
        until(lambda: "success" in airflow.dag_runs(DAG_ID).values(), 240)
    finally:
        airflow.pause(DAG_ID)

    run_id = next(name for name, state in airflow.dag_runs(DAG_ID).items() if state == "success")
    runs = dagster.runs(run_id=run_id)
    assert run_id.startswith("scheduled__")
    partitions = {run["jobName"]: run["tags"]["dagster/partition"] for run in runs}
    assert ["marts", "process", "ingest"] == [run["jobName"] for run in runs]
    assert partitions["ingest"] == partitions["process"]
    assert partitions["marts"] == partitions["process"][:10]
    newest = "SELECT count(*) FROM marts.coin_latest WHERE observed_at = (SELECT max(observed_at) "
    assert [(100,)] == stores.rows(f"{newest} FROM marts.coin_latest)")
    of_day = "SELECT count(*) FROM marts.coin_daily WHERE day = %s::date"
    assert 100 <= stores.rows(of_day, partitions["marts"])[0][0]


@pytest.mark.timeout(60)
def test_the_log_shows_materializations_and_a_link(airflow: Airflow, dagster: Dagster) -> None:
    """Users should not have to open Dagster to see whether rows were written."""
    run_id = next(name for name, state in airflow.dag_runs(DAG_ID).items() if state == "success")

    log = airflow.log(DAG_ID, run_id, "process_with_spark")

    assert "warehouse/coin_prices" in log
    assert f"http://localhost:{dagster.port}/runs/" in log
