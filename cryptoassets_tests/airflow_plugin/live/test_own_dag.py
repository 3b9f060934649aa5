"""A user's own DAG, as shown in `docs/airflow.md`."""

from collections import Counter
from datetime import timedelta

import pytest

from cryptoassets_tests.airflow_plugin.live.airflow import Airflow, until
from cryptoassets_tests.airflow_plugin.live.dagster import Dagster
from cryptoassets_tests.airflow_plugin.live.past import hour_before, hour_key, plant
from cryptoassets_tests.e2e.stores import Stores

DAG_ID = "my_marts"


@pytest.mark.long
@pytest.mark.timeout(500)
def test_a_scheduled_run_processes_yesterday_and_a_manual_run_today(
    airflow: Airflow, dagster: Dagster, stores: Stores
) -> None:
    """When the DAG is switched on, Airflow schedules yesterday's run."""
    today = hour_before(0).replace(hour=0)
    yesterday = today - timedelta(days=1)
    for midnight in (yesterday, today):
        plant(stores, midnight + timedelta(minutes=1))
        run_id = airflow.trigger("live_deferred", job="process", partition=hour_key(midnight))
        airflow.await_task("success", "live_deferred", run_id, within=300)

    airflow.unpause(DAG_ID)
    by_hand = airflow.trigger(DAG_ID)

    airflow.await_task("success", DAG_ID, by_hand, "candles", within=300)

    def is_over() -> bool:
        states = Counter(airflow.dag_runs(DAG_ID).values())
        assert not states["failed"], airflow.dag_runs(DAG_ID)
        return states["success"] == 2

    until(is_over, 300)
    for task_id in ("marts", "candles"):
        runs = dagster.runs(dag_id=DAG_ID, task_id=task_id)
        days = sorted(run["tags"]["dagster/partition"] for run in runs)
        assert [f"{yesterday:%Y-%m-%d}", f"{today:%Y-%m-%d}"] == days
