"""What Dagster's runs work on, as time ranges.

What goes here: reading partitions off runs that wait or go. What stays out: what follows from it.
"""

from datetime import timedelta

import dagster as dg

from cryptoassets.io_managers.address import Window, partition_window
from cryptoassets.transforms.marts import LOOKBACK_DAYS

_GOING = [
    dg.DagsterRunStatus.QUEUED,
    dg.DagsterRunStatus.NOT_STARTED,
    dg.DagsterRunStatus.STARTING,
    dg.DagsterRunStatus.STARTED,
    dg.DagsterRunStatus.CANCELING,
]
_PARTITION = "dagster/partition"
_FIRST, _LAST = "dagster/asset_partition_range_start", "dagster/asset_partition_range_end"


def in_use(instance: dg.DagsterInstance) -> dict[str, Window]:
    """The range of each run that has not ended, with the days that marts look back on.

    Returns:
        Run id to range; runs without a partition of ours are absent.
    """
    found = {}
    for run in instance.get_runs(dg.RunsFilter(statuses=_GOING)):
        first = run.tags.get(_FIRST) or run.tags.get(_PARTITION)
        last = run.tags.get(_LAST) or first
        if first is None or last is None:
            continue
        try:
            start, end = partition_window(first)[0], partition_window(last)[1]
        except ValueError:
            continue
        found[run.run_id] = (start - timedelta(days=LOOKBACK_DAYS), end)
    return found
