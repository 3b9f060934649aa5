"""Scheduled DAG runs write rows to PostgreSQL."""

import pytest

from cryptoassets_tests.airflow_plugin.live.airflow import Airflow, until
from cryptoassets_tests.airflow_plugin.live.dagster import Dagster
from cryptoassets_tests.airflow_plugin.live.past import hour_before, hour_key
from cryptoassets_tests.e2e.stores import Stores

DAG_ID = "materialize_cryptoassets_snapshots"
RATES = "materialize_cryptoassets_rates"


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


@pytest.mark.long
@pytest.mark.timeout(400)
def test_the_first_scheduled_run_fetches_the_current_rates(
    airflow: Airflow, dagster: Dagster, stores: Stores
) -> None:
    """The run's interval ended up to six hours before the platform was first started."""
    airflow.unpause(RATES)
    try:
        until(lambda: set(airflow.dag_runs(RATES).values()) & {"success", "failed"}, 300)
    finally:
        airflow.pause(RATES)

    [(run_id, state)] = airflow.dag_runs(RATES).items()
    tasks = [airflow.task(RATES, run_id, name).state for name in ("fetch_rates", "process_rates")]
    partitions = {run["tags"]["dagster/partition"] for run in dagster.runs(run_id=run_id)}
    assert run_id.startswith("scheduled__")
    assert ["success", "success", "success"] == [state, *tasks]
    assert 1 == len(partitions)
    assert stores.rows("SELECT 1 FROM warehouse.fx_rates LIMIT 1")


@pytest.mark.timeout(200)
def test_a_past_hour_without_documents_is_skipped_without_error_lines(airflow: Airflow) -> None:
    """An expected skip logs one line with the reason."""
    run_id = airflow.trigger("live_skipped", job="process", partition=hour_key(hour_before(300)))

    airflow.await_task("skipped", "live_skipped", run_id, within=180)

    log = airflow.log("live_skipped", run_id)
    assert "Skipped: raw/coin_snapshots has no partition" in log
    assert not [words for words in ("Dagster: ", "asset  ", '"error"') if words in log]


@pytest.mark.timeout(100)
def test_an_unknown_job_is_reported_by_name(airflow: Airflow) -> None:
    """The task fails with one sentence."""
    run_id = airflow.trigger("live_skipped", job="procces", partition=hour_key(hour_before(0)))

    until(lambda: "which has no such job" in airflow.log("live_skipped", run_id), 60)
    assert "launch procces of code location 'cryptoassets'" in airflow.log("live_skipped", run_id)
