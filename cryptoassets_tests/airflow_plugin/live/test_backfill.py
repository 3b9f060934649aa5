"""Promise: a backfill runs each partition once."""

from collections import Counter
from datetime import timedelta

import pytest

from cryptoassets_tests.airflow_plugin.live.airflow import Airflow, until
from cryptoassets_tests.airflow_plugin.live.dagster import Dagster
from cryptoassets_tests.airflow_plugin.live.past import hour_before, hour_key, plant
from cryptoassets_tests.e2e.stores import Stores

pytestmark = pytest.mark.timeout(700)
HOURLY, DAILY = "process_cryptoassets_hourly", "materialize_cryptoassets_daily"


def await_backfill(airflow: Airflow, dag_id: str, count: int) -> None:
    """Wait until that many runs have succeeded."""

    def over() -> bool:
        states = Counter(
            state for name, state in airflow.dag_runs(dag_id).items() if "backfill" in name
        )
        assert not states["failed"], airflow.dag_runs(dag_id)
        return states["success"] == count

    until(over, 540)


def partitions(dagster: Dagster, dag_id: str, task_id: str) -> list[str]:
    """Partition keys of a task's Dagster runs, sorted."""
    runs = dagster.runs(dag_id=dag_id, task_id=task_id)
    return sorted(run["tags"]["dagster/partition"] for run in runs)


def test_six_hours_are_six_partitions(airflow: Airflow, dagster: Dagster, stores: Stores) -> None:
    """Each interval of the hourly DAG is one hour."""
    hours = [hour_before(number) for number in range(8, 2, -1)]
    for hour in hours:
        plant(stores, hour + timedelta(minutes=20))
    airflow.unpause(HOURLY)

    airflow.backfill(HOURLY, hours[0] + timedelta(minutes=10), hours[-1] + timedelta(minutes=10))
    await_backfill(airflow, HOURLY, 6)

    wanted = [hour_key(hour) for hour in hours]
    backfilled = partitions(dagster, HOURLY, "process_closed_hour")
    assert wanted == [key for key in backfilled if key in wanted]
    loaded = "SELECT partition_key FROM warehouse.loads WHERE asset = 'warehouse/coin_prices'"
    assert set(wanted) <= {row[0] for row in stores.rows(loaded)}


def test_five_days_are_five_partitions(airflow: Airflow, dagster: Dagster, stores: Stores) -> None:
    """Each interval of the daily DAG is one day, whatever the line makes of midnight."""
    midnight = hour_before(0).replace(hour=0)
    days = [midnight - timedelta(days=number) for number in range(7, 2, -1)]
    # One hour in reach of all five: a day without prices is a day, one without a past is an error.
    hour = days[0] + timedelta(hours=10)
    plant(stores, hour)
    run_id = airflow.trigger("live_deferred", job="process", partition=hour_key(hour))
    airflow.await_task("success", "live_deferred", run_id, within=300)
    airflow.unpause(DAILY)

    airflow.backfill(DAILY, days[0], days[-1])
    await_backfill(airflow, DAILY, 5)

    wanted = [day.strftime("%Y-%m-%d") for day in days]
    assert wanted == [key for key in partitions(dagster, DAILY, "refresh_marts") if key in wanted]
