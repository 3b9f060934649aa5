"""A successful task ends in the triggerer; a worker handles all other cases."""

import asyncio
from typing import Any

import pytest
from airflow.triggers.base import TaskSuccessEvent, TriggerEvent

from cryptoassets_airflow.trigger import DagsterRunTrigger
from cryptoassets_tests.airflow_plugin.unit.conftest import ScriptedDagster
from cryptoassets_tests.airflow_plugin.unit.test_hook import status_response
from cryptoassets_tests.airflow_plugin.unit.test_outcome import MATERIALIZATION, check


def event_of(dagster: ScriptedDagster, *events: dict[str, Any], **options: Any) -> TriggerEvent:
    """Return what the trigger fires after a run with status SUCCESS and these Dagster events."""
    page = {"events": events, "cursor": "c", "hasMore": False}
    times = {"creationTime": 1.0, "startTime": 2.0, "endTime": 3.0}
    run = {"__typename": "Run", "status": "SUCCESS", **times, "eventConnection": page}
    dagster.responses["AirflowStatus"] = [status_response("SUCCESS")]
    dagster.responses["AirflowEvents"] = [{"runOrError": run}]
    trigger = DagsterRunTrigger(
        dagster_conn_id="dagster_default",
        run_id="1",
        poll_seconds=0.1,
        deadline=None,
        **({"ends_task": True} | options),
    )

    async def first() -> TriggerEvent:
        return await anext(trigger.run())

    return asyncio.run(first())


def test_success_ends_the_task_with_its_outcome(dagster: ScriptedDagster) -> None:
    """No worker process has to be started."""
    event = event_of(dagster, MATERIALIZATION, check("WARN", success=False))

    assert isinstance(event, TaskSuccessEvent)
    assert "clean/coin_prices" == event.xcoms["return_value"]["materializations"][0]["asset"]


def test_without_xcom_push_the_outcome_is_not_stored(dagster: ScriptedDagster) -> None:
    """`do_xcom_push=False` has the same effect as in other operators."""
    assert event_of(dagster, MATERIALIZATION, pushes_outcome=False).xcoms is None


@pytest.mark.parametrize(
    ("events", "options"),
    [
        ([check("ERROR", success=False)], {}),
        ([MATERIALIZATION], {"ends_task": False}),
    ],
)
def test_all_other_cases_are_handled_by_a_worker(
    dagster: ScriptedDagster, events: list[dict[str, Any]], options: dict[str, Any]
) -> None:
    """Only a worker can fail a task because of a check, or handle outlets."""
    event = event_of(dagster, *events, **options)

    assert not isinstance(event, TaskSuccessEvent)
    assert {"status": "SUCCESS", "detail": ""} == event.payload


def test_an_ignored_check_error_ends_the_task_in_the_triggerer(dagster: ScriptedDagster) -> None:
    """With `fail_on_check_error=False` the run counts as successful."""
    event = event_of(dagster, check("ERROR", success=False), fail_on_check_error=False)

    assert isinstance(event, TaskSuccessEvent)
