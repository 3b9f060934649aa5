"""The last run of each job: how and when it ended.

What goes here: reading Dagster's runs. What stays out: showing them (in `cli`), marking killed runs
as failed (in `embedded.dead_runs`).
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Literal

import dagster as dg
from dagster._core.definitions.assets.job.asset_job import IMPLICIT_ASSET_JOB_NAME

from cryptoassets.assets import LAYERS
from cryptoassets.embedded.dead_runs import KILLED, dead_runs
from cryptoassets.jobs import jobs_in
from cryptoassets.monitoring.reprocessing import CHECKS_OF_THE_PAST, REPROCESSING_TAG
from cryptoassets.monitoring.sentences import sentence_of
from cryptoassets.partitions.policies import range_of

RunOutcome = Literal["succeeded", "failed", "killed", "canceled"]

_ENDED = [dg.DagsterRunStatus.SUCCESS, dg.DagsterRunStatus.FAILURE, dg.DagsterRunStatus.CANCELED]
_DECISIVE = ("ingest", "process", "marts")
"""Jobs that every `cryptoassets run` executes. If the last run of one of them failed, a later
success of another job does not make up for that."""
_KILLED_WORDS = (KILLED, "unexpectedly exited")
"""Phrases in the error of a killed run: one from this project, one from Dagster's code server."""


@dataclass(frozen=True)
class LastRun:
    """A job's last run that has ended or was killed.

    Attributes:
        partition: the partition key; `first to last` for a range; None if the run has no partition.
        ended_at: in ISO format, UTC; for a killed run, the time of its last event.
        error: the error in one sentence.
        seconds: how long the run took; None if it never started or was killed.
        is_failed_check: all steps succeeded, but a check of severity ERROR failed.
    """

    job: str
    partition: str | None
    run_id: str
    outcome: RunOutcome
    ended_at: str
    error: str | None
    seconds: float | None = None
    is_failed_check: bool = False

    @property
    def is_failure(self) -> bool:
        """Whether the run failed or was killed; a canceled run is not a failure."""
        return self.outcome in {"failed", "killed"}


def last_runs(instance: dg.DagsterInstance) -> list[LastRun]:
    """Return each job's last run that has ended or was killed, newest first; changes nothing."""
    dead = {run.run_id for run in dead_runs(instance)}
    newest: dict[str, dg.RunRecord] = {}
    for record in _candidates(instance, sorted(dead)):
        job = record.dagster_run.job_name
        if job not in newest or record.storage_id > newest[job].storage_id:
            newest[job] = record
    ordered = sorted(newest.values(), key=lambda record: record.storage_id, reverse=True)
    return [
        describe_run(instance, record, is_dead=record.dagster_run.run_id in dead)
        for record in ordered
    ]


def failures(runs: list[LastRun]) -> list[LastRun]:
    """Return the failures among the newest run and the last runs of `ingest`, `process`, `marts`.

    Args:
        runs: the last run of each job, newest first.
    """
    decisive = [run for place, run in enumerate(runs) if place == 0 or run.job in _DECISIVE]
    return [run for run in decisive if run.is_failure]


def _candidates(instance: dg.DagsterInstance, dead: list[str]) -> Iterator[dg.RunRecord]:
    if dead:
        yield from instance.get_run_records(dg.RunsFilter(run_ids=dead))
    for name in _job_names():
        yield from instance.get_run_records(dg.RunsFilter(job_name=name, statuses=_ENDED), limit=1)


def _job_names() -> list[str]:
    """All jobs, including the implicit one with which Dagster's UI materializes selected assets."""
    return [*(job.name for job in jobs_in(LAYERS)), IMPLICIT_ASSET_JOB_NAME]


def partitions_of(run: dg.DagsterRun) -> tuple[str, str] | None:
    """Return the first and the last partition of a run; None if the run has no partition."""
    one = run.tags.get("dagster/partition")
    return range_of(run.tags) or ((one, one) if one else None)


def describe_run(instance: dg.DagsterInstance, record: dg.RunRecord, *, is_dead: bool) -> LastRun:
    """Describe a run that has ended, or whose process is gone (`is_dead`)."""
    run = record.dagster_run
    outcome, error = ("killed", KILLED) if is_dead else _outcome(instance, run)
    ended = record.end_time or record.update_timestamp.timestamp()
    if outcome == "killed":
        ended = _last_event_time(instance, run.run_id) or ended
    return LastRun(
        job=run.job_name,
        partition=" to ".join(dict.fromkeys(partitions_of(run) or ())) or None,
        run_id=run.run_id,
        outcome=outcome,
        ended_at=datetime.fromtimestamp(ended, UTC).isoformat(timespec="seconds"),
        error=error,
        seconds=_seconds(record) if outcome != "killed" else None,
        is_failed_check=outcome == "failed" and run.status == dg.DagsterRunStatus.SUCCESS,
    )


def _seconds(record: dg.RunRecord) -> float | None:
    if record.start_time is None or record.end_time is None:
        return None
    return round(record.end_time - record.start_time, 3)


def _last_event_time(instance: dg.DagsterInstance, run_id: str) -> float | None:
    """Time of a killed run's last event, not counting the event that later marked it as failed."""
    newest = instance.get_records_for_run(run_id, limit=2, ascending=False).records
    for record in newest:
        event = record.event_log_entry.dagster_event
        if event is None or not event.is_run_failure:
            return record.event_log_entry.timestamp
    return None


def _outcome(instance: dg.DagsterInstance, run: dg.DagsterRun) -> tuple[RunOutcome, str | None]:
    if run.status == dg.DagsterRunStatus.CANCELED:
        return "canceled", None
    if run.status == dg.DagsterRunStatus.SUCCESS:
        # A failed check of severity ERROR counts as a failure, as in the exit code of `run`.
        error = next(_failed_checks(instance, run), None)
        return ("failed", error) if error else ("succeeded", None)
    error = _error(instance, run.run_id)
    is_killed = any(words in error for words in _KILLED_WORDS)
    return ("killed" if is_killed else "failed"), error


def _failed_checks(instance: dg.DagsterInstance, run: dg.DagsterRun) -> Iterator[str]:
    evaluated = dg.DagsterEventType.ASSET_CHECK_EVALUATION
    for record in instance.get_records_for_run(run.run_id, of_type=evaluated).records:
        event = record.event_log_entry.dagster_event
        check = event.asset_check_evaluation_data if event else None
        if check is None or check.passed or check.severity != dg.AssetCheckSeverity.ERROR:
            continue
        if REPROCESSING_TAG in run.tags and check.check_name in CHECKS_OF_THE_PAST:
            continue
        yield f"{check.asset_key.to_user_string()} {check.check_name}: {check.description}"


def _error(instance: dg.DagsterInstance, run_id: str) -> str:
    """The error of the first step that failed; if no step failed, the error of the run."""
    failed = {dg.DagsterEventType.STEP_FAILURE, dg.DagsterEventType.RUN_FAILURE}
    for record in instance.get_records_for_run(run_id, of_type=failed).records:
        event = record.event_log_entry.dagster_event
        if event is not None and event.is_step_failure:
            return f"{event.step_key}: {sentence_of(event.step_failure_data.error)}".replace(
                "__", "/"
            )
        if event is not None:
            return event.message or "failed"
    return "failed"
