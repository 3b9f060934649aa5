"""The task's log and result reflect the outcome of the run."""

import json
import logging
from typing import Any

import pytest

from cryptoassets_airflow.errors import (
    DagsterChecksFailedError,
    DagsterRefusedError,
    DagsterRunError,
)
from cryptoassets_airflow.facts import DOCUMENTS_RECEIVED, ERROR, IS_RETRYABLE, METADATA_KEY
from cryptoassets_airflow.outcome import Outcome, OutcomeReader


def check(severity: str, *, success: bool) -> dict[str, Any]:
    """Return a check evaluation as in a GraphQL response."""
    return {
        "__typename": "AssetCheckEvaluationEvent",
        "evaluation": {
            "checkName": "complete",
            "success": success,
            "severity": severity,
            "description": "30 of 100 coins",
            "partition": None,
            "assetKey": {"path": ["clean", "coin_prices"]},
        },
    }


MATERIALIZATION = {
    "__typename": "MaterializationEvent",
    "assetKey": {"path": ["clean", "coin_prices"]},
    "partition": "2026-11-23-10:00",
    "metadataEntries": [
        {"label": "dagster/partition_row_count", "intValue": None, "intRepr": "3000000000"},
        {"label": "note", "text": "x" * 5_000},
        {"label": "plot"},
    ],
}
STEP_FAILED = {
    "__typename": "ExecutionStepFailureEvent",
    "stepKey": "clean__coin_prices",
    "error": {"message": "Failure: no documents", "errorChain": [{"error": {"message": "why"}}]},
    "failureMetadata": None,
}

RUN_FAILED = {
    "__typename": "RunFailureEvent",
    "message": 'Execution of run for "process" failed.',
    "error": {"message": "Failure: no documents\n"},
}


def failed_step(*, may_pass: bool) -> dict[str, Any]:
    """Return a failed step with one of the product's own errors, as in a GraphQL response."""
    facts = json.dumps({ERROR: "BadKeyError", IS_RETRYABLE: may_pass})
    entries = [{"label": "error"}, {"label": METADATA_KEY, "jsonString": facts}]
    cause = {"error": {"message": "BadKeyError: no documents\n"}}
    return STEP_FAILED | {
        "error": {"message": "Failure: no documents\n", "errorChain": [cause]},
        "failureMetadata": {"description": "no documents", "metadataEntries": entries},
    }


def outcome(*events: dict[str, Any], status: str = "SUCCESS") -> Outcome:
    """Read one page of events."""
    reader = OutcomeReader("1", "http://dagster/runs/1")
    times = {"creationTime": 1.0, "startTime": 2.0, "endTime": 3.0}
    reader.take({"status": status, **times, "eventConnection": {"events": events}})
    return reader.outcome()


def test_the_table_names_asset_partition_rows_and_checks() -> None:
    """Row counts may exceed GraphQL's 32-bit integers."""
    lines = list(outcome(MATERIALIZATION, check("ERROR", success=True)).table())

    assert ["asset", "partition", "rows", "checks"] == lines[0].split()
    assert "clean/coin_prices  2026-11-23-10:00  3000000000  1 of 1 passed" == lines[1]


def test_the_table_shows_a_dash_for_what_an_asset_does_not_have() -> None:
    """The ECB's rates have no partitions, and no row count if they were already up to date."""
    key = {"path": ["warehouse", "ecb_rates"]}
    made = MATERIALIZATION | {"assetKey": key, "partition": None, "metadataEntries": []}

    lines = list(outcome(MATERIALIZATION, made).table())

    assert ["warehouse/ecb_rates", "-", "-"] == lines[2].split()


def test_the_number_of_late_documents_is_read_from_the_facts() -> None:
    """The materialization of late documents has no row count in Dagster's own metadata."""
    entry = {"label": METADATA_KEY, "jsonString": json.dumps({DOCUMENTS_RECEIVED: 7})}

    [made] = outcome(MATERIALIZATION | {"metadataEntries": [entry]}).materializations

    assert "7" == made.rows
    assert {DOCUMENTS_RECEIVED: 7} == made.facts


def test_metadata_for_downstream_tasks_is_small_and_plain() -> None:
    """An XCom is a row in Airflow's database, so plots stay in Dagster."""
    made = outcome(MATERIALIZATION).for_xcom()["materializations"][0]

    assert {"dagster/partition_row_count": 3_000_000_000, "note": "x" * 500} == made["metadata"]


def test_a_failed_check_of_severity_error_fails_the_task_of_a_successful_run() -> None:
    """Dagster's run status ignores the check, and a retry would not help."""
    with pytest.raises(DagsterChecksFailedError, match=r"30 of 100 coins.*will not help"):
        outcome(check("ERROR", success=False)).judge(fail_on_check_error=True)


def test_a_failed_check_can_be_ignored() -> None:
    """With `fail_on_check_error=False`, the check only adds an error line to the log."""
    result = outcome(check("ERROR", success=False))

    result.judge(fail_on_check_error=False)

    assert logging.ERROR in [level for level, _ in result.lines()]


def test_a_failed_check_of_severity_warn_is_only_logged() -> None:
    """The check is logged as a warning, and the task succeeds."""
    result = outcome(check("WARN", success=False))

    result.judge(fail_on_check_error=True)

    assert (logging.WARNING, "Check clean/coin_prices complete: 30 of 100 coins") in result.lines()


def test_a_failed_step_is_named_with_its_cause() -> None:
    """A reader of Airflow's log should not have to open Dagster."""
    with pytest.raises(DagsterRunError, match=r"FAILURE: step clean__coin_prices: .* <- why"):
        outcome(STEP_FAILED, status="FAILURE").judge(fail_on_check_error=True)


def test_a_skipped_task_logs_one_line_with_the_reason() -> None:
    """An expected skip must not look like an error."""
    result = outcome(failed_step(may_pass=False), RUN_FAILED, status="FAILURE")

    [(level, line)] = result.lines(skip_on=["BadKeyError"])

    assert logging.INFO == level
    assert "Skipped: no documents. Dagster shows its run as failed: http://dagster/runs/1" == line


def test_a_run_with_another_error_is_not_a_skip() -> None:
    """A second, unexpected error must be visible."""
    result = outcome(failed_step(may_pass=False), RUN_FAILED, status="FAILURE")

    lines = list(result.lines(skip_on=["PastPartitionError"]))

    assert not result.is_skipped(["PastPartitionError"])
    assert [logging.ERROR, logging.ERROR] == [level for level, _ in lines]


def test_the_log_states_the_reason_of_a_failure_once() -> None:
    """Dagster repeats the reason in the error's cause and in the event for the run."""
    lines = [line for _, line in outcome(failed_step(may_pass=True), RUN_FAILED).lines()]

    assert "Dagster: step clean__coin_prices: Failure: no documents" == lines[0]
    assert 'Dagster: Execution of run for "process" failed.' == lines[1]


@pytest.mark.parametrize(
    ("may_pass", "expected"), [(True, DagsterRunError), (False, DagsterRefusedError)]
)
def test_a_permanent_error_is_not_retried(*, may_pass: bool, expected: type) -> None:
    """Three more runs, each taking minutes, would fail in the same way."""
    with pytest.raises(expected, match="no documents"):
        outcome(failed_step(may_pass=may_pass), status="FAILURE").judge(fail_on_check_error=True)
