"""A failed check of severity ERROR fails the task at once; a warning does not."""

from collections.abc import Iterator

import pytest

from cryptoassets.embedded import Stack
from cryptoassets_tests.airflow_plugin.live.airflow import Airflow
from cryptoassets_tests.airflow_plugin.live.dagster import Dagster
from cryptoassets_tests.e2e.platforms import put_faults, this_hour

pytestmark = pytest.mark.timeout(300)


@pytest.fixture
def source_url(stack: Stack) -> Iterator[str]:
    """The simulator's URL; faults are removed afterwards."""
    url = stack.source_url()
    yield url
    put_faults(url)


def ingest_and_process(airflow: Airflow, ending: str) -> str:
    """Fetch a snapshot and process it; return the id of the DAG run that processed it.

    `ending` is the state in which the processing task must end.
    """
    partition = this_hour()
    fetched = airflow.trigger("live_deferred", job="ingest", partition=partition)
    airflow.await_task("success", "live_deferred", fetched)
    processed = airflow.trigger("live_deferred", job="process", partition=partition)
    airflow.await_task(ending, "live_deferred", processed)
    return processed


@pytest.mark.long
def test_a_warning_is_only_logged(airflow: Airflow, source_url: str) -> None:
    """A new field in CoinCap's responses does not fail the task."""
    patch = {"bitcoin": {"set": {"newField": "1"}}}
    put_faults(source_url, {"route": "/assets", "kind": "patch", "coins": patch})

    run_id = ingest_and_process(airflow, "success")

    assert "newField" in airflow.log("live_deferred", run_id)


def test_an_incomplete_snapshot_fails_the_task_without_a_retry(
    airflow: Airflow, dagster: Dagster, source_url: str
) -> None:
    """The Dagster run itself succeeds, because the check is not a blocking one."""
    put_faults(source_url, {"route": "/assets", "kind": "cut", "coins": 30})

    run_id = ingest_and_process(airflow, "failed")

    assert 1 == airflow.task("live_deferred", run_id).tries
    assert ["SUCCESS"] == [run["status"] for run in dagster.runs(run_id=run_id)]
    assert "Checks of severity ERROR failed" in airflow.log("live_deferred", run_id)
