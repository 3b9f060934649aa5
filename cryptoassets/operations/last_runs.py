"""The last run of each job: whether it succeeded, failed or was killed, and when.

What goes here: reading it from Dagster's runs. What stays out: showing it (in `cli`), marking
killed runs as failed (in `embedded.dead_runs`).
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Literal

import dagster as dg

from cryptoassets.definitions import defs
from cryptoassets.embedded.dead_runs import KILLED, dead_runs
from cryptoassets.operations.events import sentence_of
from cryptoassets.operations.runs import CHECKS_OF_THE_PAST, REPLAY_TAG
from cryptoassets.partitions.policies import range_of

RunOutcome = Literal["succeeded", "failed", "killed", "canceled"]

_ENDED = [dg.DagsterRunStatus.SUCCESS, dg.DagsterRunStatus.FAILURE, dg.DagsterRunStatus.CANCELED]
_DECISIVE = ("ingest", "process", "marts")
"""Jobs that every `run` executes: the success of another job does not make up for a failure."""
_KILLED_WORDS = (KILLED, "unexpectedly exited")
"""Words in the error of a killed run: this project's, and those of Dagster's code server."""


@dataclass(frozen=True)
class LastRun:
    """The last run of a job that ended or was killed.

    Attributes:
        partition: its key; `first to last` for a range; None: the job has no partition.
        ended_at: ISO, UTC; for a killed run the time of its last event.
        error: what went wrong, one sentence.
    """

    job: str
    partition: str | None
    run_id: str
    outcome: RunOutcome
    ended_at: str
    error: str | None

    @property
    def is_failure(self) -> bool:
        """Whether it failed or was killed; a canceled run did neither."""
        return self.outcome in {"failed", "killed"}


def last_runs(instance: dg.DagsterInstance) -> list[LastRun]:
    """The last run of each job that ended or was killed, newest first; changes nothing."""
    dead = {run.run_id for run in dead_runs(instance)}
    newest: dict[str, dg.RunRecord] = {}
    for record in _candidates(instance, sorted(dead)):
        job = record.dagster_run.job_name
        if job not in newest or record.storage_id > newest[job].storage_id:
            newest[job] = record
    ordered = sorted(newest.values(), key=lambda record: record.storage_id, reverse=True)
    return [
        _last_run(instance, record, is_dead=record.dagster_run.run_id in dead) for record in ordered
    ]


def failures(runs: list[LastRun]) -> list[LastRun]:
    """Return which of the newest run and the last `ingest`, `process` and `marts` failed."""
    decisive = [run for place, run in enumerate(runs) if place == 0 or run.job in _DECISIVE]
    return [run for run in decisive if run.is_failure]


def _candidates(instance: dg.DagsterInstance, dead: list[str]) -> Iterator[dg.RunRecord]:
    if dead:
        yield from instance.get_run_records(dg.RunsFilter(run_ids=dead))
    for job in defs.resolve_all_job_defs():
        yield from instance.get_run_records(
            dg.RunsFilter(job_name=job.name, statuses=_ENDED), limit=1
        )


def _last_run(instance: dg.DagsterInstance, record: dg.RunRecord, *, is_dead: bool) -> LastRun:
    run = record.dagster_run
    outcome, error = ("killed", KILLED) if is_dead else _outcome(instance, run)
    ended = record.end_time or record.update_timestamp.timestamp()
    if outcome == "killed":
        ended = _last_heard_of(instance, run.run_id) or ended
    bounds = range_of(run.tags)
    return LastRun(
        job=run.job_name,
        partition=" to ".join(bounds) if bounds else run.tags.get("dagster/partition"),
        run_id=run.run_id,
        outcome=outcome,
        ended_at=datetime.fromtimestamp(ended, UTC).isoformat(timespec="seconds"),
        error=error,
    )


def _last_heard_of(instance: dg.DagsterInstance, run_id: str) -> float | None:
    """Time of a killed run's own last event, not of its later marking as failed."""
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
        # As in the shell: a check of severity ERROR fails `run` even if it blocks nothing.
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
        if REPLAY_TAG in run.tags and check.check_name in CHECKS_OF_THE_PAST:
            continue
        yield f"{check.asset_key.to_user_string()} {check.check_name}: {check.description}"


def _error(instance: dg.DagsterInstance, run_id: str) -> str:
    """The sentence of the first step that failed, else of the run."""
    telling = {dg.DagsterEventType.STEP_FAILURE, dg.DagsterEventType.RUN_FAILURE}
    for record in instance.get_records_for_run(run_id, of_type=telling).records:
        event = record.event_log_entry.dagster_event
        if event is not None and event.is_step_failure:
            return f"{event.step_key}: {sentence_of(event.step_failure_data.error)}".replace(
                "__", "/"
            )
        if event is not None:
            return event.message or "failed"
    return "failed"
