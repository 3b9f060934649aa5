"""A backfill runs each partition once."""

from collections import Counter
from datetime import datetime, timedelta

import pytest

from cryptoassets_tests.airflow_plugin.live.airflow import Airflow, until
from cryptoassets_tests.airflow_plugin.live.dagster import Dagster
from cryptoassets_tests.airflow_plugin.live.past import hour_before, hour_key, plant
from cryptoassets_tests.e2e.stores import Stores

pytestmark = pytest.mark.timeout(700)
HOURLY, DAILY = "process_cryptoassets_hourly", "materialize_cryptoassets_daily"


def backfill(airflow: Airflow, dag_id: str, starts: list[datetime]) -> None:
    """Backfill the intervals, and wait until all their DAG runs have succeeded."""
    before = len(backfilled(airflow, dag_id))
    airflow.unpause(dag_id)
    airflow.backfill(dag_id, starts[0], starts[-1])

    def is_over() -> bool:
        states = Counter(backfilled(airflow, dag_id))
        assert not states["failed"], airflow.dag_runs(dag_id)
        return states["success"] == before + len(starts)

    until(is_over, 540)


def backfilled(airflow: Airflow, dag_id: str) -> list[str]:
    """Return the states of the DAG runs that backfills created."""
    return [state for name, state in airflow.dag_runs(dag_id).items() if "backfill" in name]


def partitions(dagster: Dagster, dag_id: str, task_id: str) -> list[str]:
    """Return the partition keys of a task's Dagster runs, sorted."""
    runs = dagster.runs(dag_id=dag_id, task_id=task_id)
    return sorted(run["tags"]["dagster/partition"] for run in runs)


@pytest.mark.parametrize(
    ("oldest", "newest"), [(4, 3), pytest.param(11, 6, marks=pytest.mark.long)]
)
def test_a_backfill_of_hours_launches_one_run_per_hour(
    airflow: Airflow, dagster: Dagster, stores: Stores, oldest: int, newest: int
) -> None:
    """Each interval of the hourly DAG is one hour."""
    hours = [hour_before(number) for number in range(oldest, newest - 1, -1)]
    for hour in hours:
        plant(stores, hour + timedelta(minutes=20))

    backfill(airflow, HOURLY, [hour + timedelta(minutes=10) for hour in hours])

    wanted = [hour_key(hour) for hour in hours]
    launched = partitions(dagster, HOURLY, "process_closed_hour")
    assert wanted == [key for key in launched if key in wanted]
    loaded = "SELECT partition_key FROM warehouse.loads WHERE asset = 'warehouse/coin_prices'"
    assert set(wanted) <= {row[0] for row in stores.rows(loaded)}


@pytest.mark.long
@pytest.mark.parametrize(("oldest", "newest"), [(4, 3), (12, 8)])
def test_a_backfill_of_days_launches_one_run_per_day(
    airflow: Airflow, dagster: Dagster, stores: Stores, oldest: int, newest: int
) -> None:
    """Each interval of the daily DAG is one day, on both versions of Airflow."""
    midnight = hour_before(0).replace(hour=0)
    days = [midnight - timedelta(days=number) for number in range(oldest, newest - 1, -1)]
    # Marts fail without any prices. One hour is enough: the marts of all these days read it.
    hour = days[0] + timedelta(hours=10)
    plant(stores, hour)
    run_id = airflow.trigger("live_deferred", job="process", partition=hour_key(hour))
    airflow.await_task("success", "live_deferred", run_id, within=300)

    backfill(airflow, DAILY, days)

    wanted = [day.strftime("%Y-%m-%d") for day in days]
    assert wanted == [key for key in partitions(dagster, DAILY, "refresh_marts") if key in wanted]
