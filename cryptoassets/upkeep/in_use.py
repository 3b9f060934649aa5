"""What Dagster's runs work on, as time ranges.

What goes here: reading partitions off runs that wait or go. What stays out: what follows from it.
"""

from datetime import timedelta

import dagster as dg

from cryptoassets.io_managers.address import Window, partition_window
from cryptoassets.partitions import range_of
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


def in_use(instance: dg.DagsterInstance) -> dict[str, Window]:
    """The range of each run that has not ended, with the days that marts look back on.

    Returns:
        Run id to range; runs without a partition of ours are absent.
    """
    found = {}
    for run in instance.get_runs(dg.RunsFilter(statuses=GOING_ON)):
        one = run.tags.get(_PARTITION, "")
        first, last = range_of(run.tags) or (one, one)
        try:
            start, end = partition_window(first)[0], partition_window(last)[1]
        except ValueError:
            continue
        found[run.run_id] = (start - timedelta(days=LOOKBACK_DAYS), end)
    return found
