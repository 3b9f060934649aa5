"""The DAG in `docs/airflow.md` loads on this version of Airflow and chooses the right day."""

from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any

import pytest

from cryptoassets_tests.airflow_plugin.documented_dag import documented_dag
from cryptoassets_tests.airflow_plugin.unit.test_dags import loaded


@pytest.fixture(scope="module")
def own_dag(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """The DAG, loaded from a folder that contains no other DAG."""
    folder = tmp_path_factory.mktemp("dags")
    (folder / "my_marts.py").write_text(documented_dag())
    [dag] = loaded(folder).values()
    return dag


@pytest.mark.parametrize("task_id", ["marts", "candles"])
def test_a_scheduled_run_processes_the_day_of_its_interval(own_dag: Any, task_id: str) -> None:
    """Yesterday's interval ends today at 00:00."""
    yesterday, today = datetime(2026, 11, 26, tzinfo=UTC), datetime(2026, 11, 27, tzinfo=UTC)
    task = own_dag.get_task(task_id)

    context = {
        "data_interval_start": yesterday,
        "data_interval_end": today,
        "dag_run": SimpleNamespace(run_after=today),
    }

    assert "2026-11-26" == task.render_template(task.partition_key, context)


@pytest.mark.parametrize("task_id", ["marts", "candles"])
def test_a_manual_run_without_an_interval_processes_today(own_dag: Any, task_id: str) -> None:
    """On Airflow 3, a run that is triggered by hand has no data interval."""
    task = own_dag.get_task(task_id)
    context = {"dag_run": SimpleNamespace(run_after=datetime(2026, 11, 27, 9, tzinfo=UTC))}

    assert "2026-11-27" == task.render_template(task.partition_key, context)
