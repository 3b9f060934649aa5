"""What Dagster's runs work on, as time ranges.

What goes here: reading partitions off runs that wait or go. What stays out: what follows from it.
"""

from datetime import timedelta

import dagster as dg

from cryptoassets.partitions.policies import range_of
from cryptoassets.partitions.spans import Span, partition_window
from cryptoassets.transforms.marts import LOOKBACK_DAYS

GOING_ON = [
    dg.DagsterRunStatus.QUEUED,
    dg.DagsterRunStatus.NOT_STARTED,
    dg.DagsterRunStatus.STARTING,
    dg.DagsterRunStatus.STARTED,
    dg.DagsterRunStatus.CANCELING,
]
"""Of runs that have not ended."""
_PARTITION = "dagster/partition"


def in_use(instance: dg.DagsterInstance) -> dict[str, Span]:
    """The range of each run that has not ended, with the days that marts look back on.

    Returns:
        Run id to range; runs without a partition of ours are absent.
    """
    runs = instance.get_runs(dg.RunsFilter(statuses=GOING_ON))
    ranges = {run.run_id: window_of(run) for run in runs}
    lookback = timedelta(days=LOOKBACK_DAYS)
    return {
        run_id: Span(window[0] - lookback, window[1]) for run_id, window in ranges.items() if window
    }


def window_of(run: dg.DagsterRun) -> Span | None:
    """The range of a run's partitions; None: it has no hour and no day."""
    one = run.tags.get(_PARTITION, "")
    first, last = range_of(run.tags) or (one, one)
    try:
        return Span(partition_window(first)[0], partition_window(last)[1])
    except ValueError:
        return None
