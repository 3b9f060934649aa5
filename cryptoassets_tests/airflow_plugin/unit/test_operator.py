"""The operator validates its arguments, identifies its runs, and has few dependencies."""

import logging
import subprocess
import sys
from datetime import UTC, datetime
from types import SimpleNamespace

import pytest
from airflow.providers.common.compat.sdk import AirflowSkipException

from cryptoassets_airflow.errors import DagsterError
from cryptoassets_airflow.locations import require_loaded
from cryptoassets_airflow.operator import DagsterMaterializeOperator
from cryptoassets_airflow.runs import Identity
from cryptoassets_airflow.trigger import DagsterRunTrigger
from cryptoassets_tests.airflow_plugin.unit.conftest import ScriptedDagster
from cryptoassets_tests.airflow_plugin.unit.test_hook import NO_SUCH_JOB, search_response
from cryptoassets_tests.airflow_plugin.unit.test_outcome import failed_step

LOADED = {"loadStatus": "LOADED", "locationOrLoadError": {"__typename": "RepositoryLocation"}}


def context(**changes: int) -> dict[str, SimpleNamespace]:
    """Return the part of a task's context that the operator reads."""
    ti = {"dag_id": "d", "run_id": "r", "task_id": "t", "map_index": -1, "max_tries": 2}
    started = datetime(2026, 11, 23, tzinfo=UTC)
    return {
        "ti": SimpleNamespace(**(ti | changes)),
        "dag_run": SimpleNamespace(start_date=started),
    }


def test_an_operator_without_assets_or_job_is_refused_while_the_dag_is_parsed() -> None:
    """Users should see the error before the task runs."""
    with pytest.raises(ValueError, match="task t: set `assets` or `job_name`"):
        DagsterMaterializeOperator(task_id="t", location="here")


def test_clearing_changes_the_launch_tags_and_keeps_the_task_tags() -> None:
    """Clearing a task increases its `max_tries`; automatic retries do not change it."""
    before = Identity.of(context(), retries=2)
    after = Identity.of(context(max_tries=3), retries=2)

    assert before.task_tags == after.task_tags
    assert before.launch_tags != after.launch_tags


def test_mapped_tasks_have_their_own_runs() -> None:
    """If mapped tasks shared their tags, all of them would wait for the run of the first task."""
    first, second = (Identity.of(context(map_index=number), retries=2) for number in (0, 1))

    assert first.task_tags != second.task_tags


def test_a_trigger_can_be_serialized_and_recreated() -> None:
    """Airflow stores triggers in its database."""
    path, fields = DagsterRunTrigger(
        dagster_conn_id="dagster_default", run_id="1", poll_seconds=2.0, deadline=99.5
    ).serialize()

    assert "cryptoassets_airflow.trigger.DagsterRunTrigger" == path
    assert (path, fields) == DagsterRunTrigger(**fields).serialize()


@pytest.mark.parametrize(
    ("entry", "words"),
    [
        (None, "has no code location 'here' .it has: there."),
        ({"loadStatus": "LOADING", "locationOrLoadError": None}, "still loading"),
        (
            {
                "loadStatus": "LOADED",
                "locationOrLoadError": {"__typename": "PythonError", "message": "SyntaxError"},
            },
            "could not load code location 'here': SyntaxError",
        ),
    ],
)
def test_the_error_names_a_code_location_that_cannot_be_used(entry: object, words: str) -> None:
    """The first task of each DAG reports the problem before anything is launched."""
    locations = {"there": LOADED} | ({"here": entry} if entry else {})

    with pytest.raises(DagsterError, match=words):
        require_loaded(locations, "here")


@pytest.mark.parametrize(
    ("known", "words"),
    [
        (["here"], "launch nothing of code location 'here', which has no such job"),
        (["there", "then"], r"no code location 'here' \(it has: then, there\)\. Correct the name"),
    ],
)
def test_a_launch_that_finds_no_job_reports_whether_the_code_location_exists(
    dagster: ScriptedDagster, known: list[str], words: str
) -> None:
    """Dagster's response does not show whether the job or its code location is missing.

    In Docker, code locations have other names.
    """
    entries = [{"name": name, **LOADED} for name in known]
    workspace = {"__typename": "Workspace", "locationEntries": entries}
    dagster.responses["AirflowFindRuns"] = [search_response()]
    dagster.responses["AirflowLaunch"] = [{"launchRun": NO_SUCH_JOB}]
    dagster.responses["AirflowLocations"] = [{"workspaceOrError": workspace}]
    task = DagsterMaterializeOperator(task_id="t", location="here", job_name="nothing")

    with pytest.raises(DagsterError, match=words) as caught:
        task.execute(context(try_number=1))

    assert caught.value.__suppress_context__


def test_a_skipped_task_logs_neither_an_error_nor_an_empty_table(
    dagster: ScriptedDagster, caplog: pytest.LogCaptureFixture, capsys: pytest.CaptureFixture[str]
) -> None:
    """Nothing is wrong if an hour has no documents."""
    page = {"events": [failed_step(may_pass=False)], "cursor": "c", "hasMore": False}
    times = {"creationTime": 1.0, "startTime": 2.0, "endTime": 3.0}
    run = {"__typename": "Run", "status": "FAILURE", **times, "eventConnection": page}
    dagster.responses["AirflowEvents"] = [{"runOrError": run}]
    task = DagsterMaterializeOperator(
        task_id="t", location="here", job_name="ingest", skip_on=["BadKeyError"]
    )

    with caplog.at_level(logging.INFO), pytest.raises(AirflowSkipException):
        task.resume(context(), {"status": "FAILURE", "detail": ""}, "1")

    # Airflow 3 writes the task's log to the standard output; Airflow 2 uses Python's logging.
    log = capsys.readouterr().out + caplog.text
    assert "Skipped: no documents" in log
    assert not [word for word in ("Dagster: step", "rows", "ERROR", "error") if word in log]


def test_the_plugin_imports_neither_dagster_nor_the_product() -> None:
    """With Airflow 2, dagster-airflow installs Dagster, but the plugin must not need it."""
    code = (
        "import sys, cryptoassets_airflow.operator, cryptoassets_airflow_plugin\n"
        "roots = {name.split('.')[0] for name in sys.modules}\n"
        "print(sorted(roots & {'dagster', 'cryptoassets', 'pyspark', 'pymongo', 'psycopg'}))"
    )

    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", f"import sys; sys.path = {sys.path!r}\n{code}"],
        capture_output=True,
        text=True,
        check=True,
    )

    assert "[]" == done.stdout.strip().splitlines()[-1]
