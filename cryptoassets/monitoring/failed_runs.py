"""Unresolved failures: failed runs that no later run has made up for, read from Dagster.

What goes here: which failures are unresolved. What stays out: the last run of each job (in
`last_runs`), describing a failure (in `conditions`).

For alerts, it is not enough to read each job's last run: in the minute between two evaluations, the
run for one day can fail, and the run for the next day can succeed.
"""

from collections.abc import Collection
from datetime import UTC, datetime, timedelta
from itertools import groupby

import dagster as dg

from cryptoassets.embedded.dead_runs import dead_runs
from cryptoassets.monitoring.last_runs import LastRun, describe_run, partitions_of

LOOKS_BACK = timedelta(days=7)
"""Older runs are ignored."""
FETCH_JOBS = ("ingest", "rates")
"""Jobs that fetch only current data. A past run cannot be repeated, so any later success resolves a
failure, whatever the partitions of the two runs are."""
_MAX_READ = 1000
_MAX_DESCRIBED = 20


def unresolved_failures(instance: dg.DagsterInstance) -> list[LastRun]:
    """Return the newest unresolved failure of each job and partition range, oldest first.

    A later successful run of the same job resolves a failure if it materialized the same assets and
    the partitions of the two runs overlap. A run whose process is gone counts as failed, but is not
    marked as failed here.
    """
    dead = {run.run_id for run in dead_runs(instance)}
    failed = [
        *_records(instance, dg.DagsterRunStatus.FAILURE),
        *(instance.get_run_records(dg.RunsFilter(run_ids=sorted(dead))) if dead else ()),
    ]
    unresolved: list[dg.RunRecord] = []
    for job, group in groupby(sorted(failed, key=_job), key=_job):
        succeeded = _records(instance, dg.DagsterRunStatus.SUCCESS, job)
        left = [one for one in sorted(group, key=_age) if not _is_resolved(one, succeeded)]
        unresolved += {_partition_range(one.dagster_run): one for one in left}.values()
    return [
        describe_run(instance, one, is_dead=one.dagster_run.run_id in dead)
        for one in sorted(unresolved, key=_age)[:_MAX_DESCRIBED]
    ]


def _records(
    instance: dg.DagsterInstance, status: dg.DagsterRunStatus, job: str | None = None
) -> Collection[dg.RunRecord]:
    since = datetime.now(UTC) - LOOKS_BACK
    wanted = dg.RunsFilter(job_name=job, statuses=[status], created_after=since)
    return instance.get_run_records(wanted, limit=_MAX_READ)


def _is_resolved(failed: dg.RunRecord, succeeded: Collection[dg.RunRecord]) -> bool:
    return any(
        later.storage_id > failed.storage_id
        and _has_same_assets(failed.dagster_run, later.dagster_run)
        and _overlaps(failed.dagster_run, later.dagster_run)
        for later in succeeded
    )


def _has_same_assets(failed: dg.DagsterRun, later: dg.DagsterRun) -> bool:
    """Whether the later run materialized all assets that the failed run was to materialize."""
    if later.asset_selection is None:
        return True
    return failed.asset_selection is not None and failed.asset_selection <= later.asset_selection


def _overlaps(failed: dg.DagsterRun, later: dg.DagsterRun) -> bool:
    failed_range, later_range = _partition_range(failed), _partition_range(later)
    if failed_range is None or later_range is None:
        return True
    return failed_range[0] <= later_range[1] and later_range[0] <= failed_range[1]


def _partition_range(run: dg.DagsterRun) -> tuple[str, str] | None:
    return None if run.job_name in FETCH_JOBS else partitions_of(run)


def _job(record: dg.RunRecord) -> str:
    return record.dagster_run.job_name


def _age(record: dg.RunRecord) -> int:
    return record.storage_id
