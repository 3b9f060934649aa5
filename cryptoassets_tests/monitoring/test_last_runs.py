"""`status` fails only if one of the latest runs failed, not because of older failures.

The end-to-end tests of `run` and of the sensors test how runs are read from Dagster.
"""

import pytest

from cryptoassets.monitoring.last_runs import LastRun, RunOutcome, failures


def a_run(job: str, outcome: RunOutcome) -> LastRun:
    """Return the last run of a job."""
    return LastRun(job, "2026-11-23-10:00", job, outcome, "2026-11-23T10:05:00+00:00", None)


@pytest.mark.parametrize(
    ("newest_first", "failed"),
    [
        ([("marts", "succeeded"), ("process", "succeeded"), ("ingest", "succeeded")], []),
        # After a failed hour, `run` continues with the marts of other days.
        ([("marts", "succeeded"), ("process", "failed"), ("ingest", "succeeded")], ["process"]),
        ([("ingest", "killed"), ("marts", "succeeded"), ("process", "succeeded")], ["ingest"]),
        ([("history", "failed"), ("marts", "succeeded")], ["history"]),
        # An unfinished backfill is shown, but does not fail every later `status`.
        ([("marts", "succeeded"), ("history", "killed")], []),
        ([("ingest", "canceled")], []),
        ([], []),
    ],
)
def test_only_the_newest_run_and_the_last_runs_of_the_main_jobs_count(
    newest_first: list[tuple[str, RunOutcome]], failed: list[str]
) -> None:
    """An old failure of another job must not make every later `status` exit with 1."""
    runs = [a_run(job, outcome) for job, outcome in newest_first]

    assert failed == [run.job for run in failures(runs)]
