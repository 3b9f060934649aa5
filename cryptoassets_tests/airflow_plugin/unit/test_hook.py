"""Requests are repeated if that is safe; a launch is repeated only if its run is not found."""

import pytest

from cryptoassets_airflow.errors import (
    DagsterError,
    DagsterRefusedError,
    DagsterUnavailableError,
)
from cryptoassets_airflow.hook import DagsterHook
from cryptoassets_airflow.runs import Identity, LaunchRequest
from cryptoassets_tests.airflow_plugin.unit.conftest import ScriptedDagster

TASK = {"airflow/dag_id": "d", "airflow/task_id": "t"}
IDENTITY = Identity(TASK, {**TASK, "airflow/cleared": "0"})
REQUEST = LaunchRequest("here", "__repository__", "ingest", (), "2026-11-23-10:00", {}, {"a": "b"})

NO_SUCH_JOB = {
    "__typename": "PipelineNotFoundError",
    "message": "Could not find Pipeline here.__repository__.ingest",
}


def run(run_id: str, status: str = "STARTED", cleared: str = "0") -> dict[str, object]:
    """Return a run as in a GraphQL response."""
    tags = {**TASK, "airflow/cleared": cleared}
    pairs = [{"key": key, "value": value} for key, value in tags.items()]
    return {"runId": run_id, "status": status, "tags": pairs}


def launch_response(run_id: str) -> dict[str, object]:
    """Return the response to a launch."""
    return {"launchRun": {"__typename": "LaunchRunSuccess", "run": run(run_id)}}


def search_response(*runs: dict[str, object]) -> dict[str, object]:
    """Return the response to a search for runs."""
    return {"runsOrError": {"__typename": "Runs", "results": list(runs)}}


def status_response(name: str) -> dict[str, object]:
    """Return the response to a status request."""
    return {"runOrError": {"__typename": "Run", "runId": "1", "status": name}}


def test_a_launch_carries_partition_tags_and_token(
    hook: DagsterHook, dagster: ScriptedDagster
) -> None:
    """dagster-airflow's own operator cannot pass a partition or tags."""
    dagster.responses["AirflowLaunch"] = [launch_response("1")]

    assert "1" == hook.launch(REQUEST, IDENTITY).run_id

    params = dagster.asked[0][1]["params"]
    tags = {tag["key"]: tag["value"] for tag in params["executionMetadata"]["tags"]}
    assert "ingest" == params["selector"]["jobName"]
    assert {"dagster/partition": "2026-11-23-10:00", "a": "b", **IDENTITY.launch_tags} == tags
    assert "Bearer secret" == dagster.headers[0]["Authorization"]


@pytest.mark.parametrize("response", ["cut", 502, 500])
def test_a_lost_response_leads_to_a_search_instead_of_a_second_launch(
    hook: DagsterHook, dagster: ScriptedDagster, response: object
) -> None:
    """Dagster may have started the run although its response was lost."""
    dagster.responses["AirflowLaunch"] = [response]
    dagster.responses["AirflowFindRuns"] = [search_response(run("7"))]

    assert "7" == hook.launch(REQUEST, IDENTITY).run_id
    assert ["AirflowLaunch", "AirflowFindRuns"] == dagster.operations()


def test_a_launch_that_never_arrived_is_sent_again(
    hook: DagsterHook, dagster: ScriptedDagster
) -> None:
    """No run is found, so a second launch does not create a duplicate."""
    dagster.responses["AirflowLaunch"] = ["cut", launch_response("2")]
    dagster.responses["AirflowFindRuns"] = [search_response()]

    assert "2" == hook.launch(REQUEST, IDENTITY).run_id
    assert 2 == dagster.operations().count("AirflowLaunch")


def test_a_status_request_is_repeated(hook: DagsterHook, dagster: ScriptedDagster) -> None:
    """A webserver that is being replaced answers 502 for a few seconds."""
    dagster.responses["AirflowStatus"] = [502, "cut", status_response("STARTED")]

    assert "STARTED" == hook.status("1")


def test_a_webserver_that_stays_down_is_reported(
    hook: DagsterHook, dagster: ScriptedDagster
) -> None:
    """The message contains the address and whether a retry may help."""
    dagster.responses["AirflowStatus"] = [503]

    with pytest.raises(DagsterUnavailableError, match=r"127.0.0.1.*HTTP 503\. A retry may help"):
        hook.status("1")


def test_a_wrong_token_is_not_retried(hook: DagsterHook, dagster: ScriptedDagster) -> None:
    """Airflow fails the task at once, because a retry cannot help."""
    dagster.responses["AirflowStatus"] = [401]

    with pytest.raises(DagsterRefusedError, match="set the token as the password"):
        hook.status("1")
    assert 1 == len(dagster.asked)


def test_a_malformed_partition_fails_at_once(hook: DagsterHook, dagster: ScriptedDagster) -> None:
    """Dagster answers HTTP 500, as it does for temporary problems, but a retry cannot help."""
    dagster.responses["AirflowLaunch"] = [ValueError("time data 'today' does not match format")]

    with pytest.raises(DagsterRefusedError, match=r"'today'.*A retry will not help"):
        hook.launch(REQUEST, IDENTITY)
    assert ["AirflowLaunch"] == dagster.operations()


def test_other_errors_in_dagster_are_retried(hook: DagsterHook, dagster: ScriptedDagster) -> None:
    """Dagster's PostgreSQL may be restarting, for example."""
    dagster.responses["AirflowStatus"] = [ConnectionError("no server"), status_response("STARTED")]

    assert "STARTED" == hook.status("1")


def test_a_missing_job_is_reported(hook: DagsterHook, dagster: ScriptedDagster) -> None:
    """A retry may help, because the code location may still be loading."""
    dagster.responses["AirflowLaunch"] = [{"launchRun": NO_SUCH_JOB}]

    words = r"launch ingest of code location 'here', which has no such job\. Correct the job's name"
    with pytest.raises(DagsterError, match=words):
        hook.launch(REQUEST, IDENTITY)


def test_a_retry_waits_for_its_own_run(hook: DagsterHook, dagster: ScriptedDagster) -> None:
    """The run continues even if the worker of the first try has died."""
    dagster.responses["AirflowFindRuns"] = [search_response(run("3"), run("2", "FAILURE"))]

    own = hook.own_run(IDENTITY, stop_within=0)

    assert own is not None
    assert "3" == own.run_id
    assert ["AirflowFindRuns"] == dagster.operations()


@pytest.mark.parametrize("lost", ["FAILURE", "CANCELED"])
def test_a_retry_does_not_wait_for_a_run_that_failed(
    hook: DagsterHook, dagster: ScriptedDagster, lost: str
) -> None:
    """The retry has to launch another run."""
    dagster.responses["AirflowFindRuns"] = [search_response(run("3", lost))]

    assert hook.own_run(IDENTITY, stop_within=0) is None


def test_a_cleared_task_stops_its_earlier_run(hook: DagsterHook, dagster: ScriptedDagster) -> None:
    """The triggerer, which usually stops the run, may have been down when the task was cleared."""
    dagster.responses["AirflowFindRuns"] = [search_response(run("3", cleared="-1"))]
    dagster.responses["AirflowStatus"] = [status_response("STARTED"), status_response("CANCELED")]
    dagster.responses["AirflowTerminate"] = [
        {"terminateRun": {"__typename": "TerminateRunSuccess"}}
    ]

    assert hook.own_run(IDENTITY, stop_within=1) is None
    assert ("AirflowTerminate", {"runId": "3", "policy": "SAFE_TERMINATE"}) in dagster.asked


@pytest.mark.parametrize("early", ["NOT_STARTED", "STARTING"])
def test_a_run_that_is_about_to_start_is_marked_as_cancelled(
    hook: DagsterHook, dagster: ScriptedDagster, early: str
) -> None:
    """Without the mark, Dagster refuses to stop a run that a timeout ends in its first seconds."""
    dagster.responses["AirflowStatus"] = [status_response(early), status_response("CANCELED")]
    dagster.responses["AirflowTerminate"] = [
        {"terminateRun": {"__typename": "TerminateRunSuccess"}}
    ]

    assert "CANCELED" == hook.stop("1", within=1)
    assert "MARK_AS_CANCELED_IMMEDIATELY" == dagster.asked[1][1]["policy"]
