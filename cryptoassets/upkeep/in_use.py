"""The time ranges that Dagster runs are working on.

What goes here: finding the partitions of unfinished runs. What stays out: what callers do with
these partitions.
"""

from collections.abc import Iterator
from datetime import timedelta

import dagster as dg

from cryptoassets.embedded.dead_runs import dead_runs
from cryptoassets.partitions.policies import range_of
from cryptoassets.partitions.spans import Span, partition_window
from cryptoassets.schemas.marts.coin_daily import DAYS_KEPT_BEFORE

UNFINISHED_STATUSES = [
    dg.DagsterRunStatus.QUEUED,
    dg.DagsterRunStatus.NOT_STARTED,
    dg.DagsterRunStatus.STARTING,
    dg.DagsterRunStatus.STARTED,
    dg.DagsterRunStatus.CANCELING,
]
"""The statuses of runs that have not ended."""
_PARTITION = "dagster/partition"


def in_use(instance: dg.DagsterInstance) -> dict[str, Span]:
    """Return the range of each unfinished run, including the earlier days that marts use.

    Returns:
        Maps run ids to ranges; runs without an hour or day partition are absent.
    """
    lookback = timedelta(days=DAYS_KEPT_BEFORE)
    return {
        run.run_id: Span(window.start - lookback, window.end)
        for run, window in _unfinished(instance)
    }


def windows_of_live_runs(instance: dg.DagsterInstance) -> Iterator[Span]:
    """Yield the range of each unfinished run that processes documents; killed runs are left out."""
    dead = {run.run_id for run in dead_runs(instance)}
    for run, window in _unfinished(instance):
        # A run of `marts` also has a partition, a day, but publishes no documents.
        if run.job_name != "marts" and run.run_id not in dead:
            yield window


def _unfinished(instance: dg.DagsterInstance) -> Iterator[tuple[dg.DagsterRun, Span]]:
    for run in instance.get_runs(dg.RunsFilter(statuses=UNFINISHED_STATUSES)):
        window = window_of(run)
        if window:
            yield run, window


def window_of(run: dg.DagsterRun) -> Span | None:
    """Return the range of a run's partitions; None if it has no hour or day partition."""
    one = run.tags.get(_PARTITION, "")
    first, last = range_of(run.tags) or (one, one)
    try:
        return Span(partition_window(first)[0], partition_window(last)[1])
    except ValueError:
        return None
