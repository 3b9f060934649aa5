"""`status` fails for the latest runs only, not for every failure of the past.

Reading runs from Dagster is tested in the end-to-end tests of `run` and of the sensors.
"""

import pytest

from cryptoassets.monitoring.last_runs import LastRun, RunOutcome, failures


def a_run(job: str, outcome: RunOutcome) -> LastRun:
    """The last run of a job."""
    return LastRun(job, "2026-11-23-10:00", job, outcome, "2026-11-23T10:05:00+00:00", None)


@pytest.mark.parametrize(
    ("newest_first", "failed"),
    [
        ([("marts", "succeeded"), ("process", "succeeded"), ("ingest", "succeeded")], []),
        # After an hour that failed, `run` continues with the marts of other days.
        ([("marts", "succeeded"), ("process", "failed"), ("ingest", "succeeded")], ["process"]),
        ([("ingest", "killed"), ("marts", "succeeded"), ("process", "succeeded")], ["ingest"]),
        ([("history", "failed"), ("marts", "succeeded")], ["history"]),
        # An unfinished backfill is shown, but does not fail every later `status`.
        ([("marts", "succeeded"), ("history", "killed")], []),
        ([("ingest", "canceled")], []),
        ([], []),
    ],
)
def test_the_last_run_and_those_of_the_main_jobs_decide(
    newest_first: list[tuple[str, RunOutcome]], failed: list[str]
) -> None:
    """An old failure of another job must not make every later `status` exit with 1."""
    runs = [a_run(job, outcome) for job, outcome in newest_first]

    assert failed == [run.job for run in failures(runs)]
