"""Waiting for a run always ends."""

import asyncio
import time

import pytest

from cryptoassets_airflow import watch
from cryptoassets_airflow.hook import DagsterHook
from cryptoassets_airflow.watch import Ending, Watch
from cryptoassets_tests.airflow_plugin.unit.conftest import ScriptedDagster
from cryptoassets_tests.airflow_plugin.unit.test_hook import status_response


def end(hook: DagsterHook, deadline: float | None = None) -> Ending:
    """Wait for run 1; return why the wait ended."""
    return asyncio.run(Watch(hook, "1", poll_seconds=0.1, deadline=deadline).end())


@pytest.mark.parametrize("last", ["SUCCESS", "FAILURE", "CANCELED"])
def test_waiting_ends_with_the_run(hook: DagsterHook, dagster: ScriptedDagster, last: str) -> None:
    """The webserver may be restarted in the meantime."""
    dagster.responses["AirflowStatus"] = [
        status_response("QUEUED"),
        502,
        "cut",
        status_response(last),
    ]

    assert Ending(last) == end(hook)


def test_waiting_ends_at_the_deadline(hook: DagsterHook, dagster: ScriptedDagster) -> None:
    """A run whose process has died may stay STARTED."""
    dagster.responses["AirflowStatus"] = [status_response("STARTED")]

    assert Ending(watch.TIMED_OUT) == end(hook, time.time() + 0.5)


def test_waiting_ends_when_the_run_was_deleted(hook: DagsterHook, dagster: ScriptedDagster) -> None:
    """Users can delete a run in Dagster's UI."""
    gone = {"__typename": "RunNotFoundError", "message": "gone"}
    dagster.responses["AirflowStatus"] = [{"runOrError": gone}]

    assert Ending("MISSING") == end(hook)


def test_waiting_ends_when_dagster_stays_unreachable(
    hook: DagsterHook, dagster: ScriptedDagster, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In production, waiting ends after half an hour without a response."""
    monkeypatch.setattr(watch, "UNREACHABLE_SECONDS", 0.5)
    dagster.responses["AirflowStatus"] = [503]

    assert watch.UNREACHABLE == end(hook).status


def test_waiting_ends_when_the_run_was_never_submitted(
    hook: DagsterHook, dagster: ScriptedDagster, monkeypatch: pytest.MonkeyPatch
) -> None:
    """If the webserver is killed during the launch, the run is never submitted."""
    monkeypatch.setattr(watch, "NEVER_SUBMITTED_SECONDS", 0.3)
    dagster.responses["AirflowStatus"] = [status_response("NOT_STARTED")]

    assert Ending(watch.NEVER_SUBMITTED) == end(hook)
