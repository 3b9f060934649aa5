"""Promise: `status` fails for a run that is still the last word, not for every failure of the past.

Reading runs off Dagster is tested in the stories of `run` and of the sensors.
"""

import pytest

from cryptoassets.operations.last_runs import LastRun, RunOutcome, failures


def a_run(job: str, outcome: RunOutcome) -> LastRun:
    """The last run of a job."""
    return LastRun(job, "2026-11-23-10:00", job, outcome, "2026-11-23T10:05:00+00:00", None)


@pytest.mark.parametrize(
    ("newest_first", "failed"),
    [
        ([("marts", "succeeded"), ("process", "succeeded"), ("ingest", "succeeded")], []),
        # `run` goes on to the marts of other days when an hour failed.
        ([("marts", "succeeded"), ("process", "failed"), ("ingest", "succeeded")], ["process"]),
        ([("ingest", "killed"), ("marts", "succeeded"), ("process", "succeeded")], ["ingest"]),
        ([("history", "failed"), ("marts", "succeeded")], ["history"]),
        # A backfill that nobody finished is shown, and no cron job hears of it for ever.
        ([("marts", "succeeded"), ("history", "killed")], []),
        ([("ingest", "canceled")], []),
        ([], []),
    ],
)
def test_the_last_run_and_those_of_the_main_jobs_decide(
    newest_first: list[tuple[str, RunOutcome]], failed: list[str]
) -> None:
    """An exit code that stays 1 for good is soon ignored."""
    runs = [a_run(job, outcome) for job, outcome in newest_first]

    assert failed == [run.job for run in failures(runs)]
