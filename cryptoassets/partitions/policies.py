"""The partition definitions, the backfill policies, and the tags of a run over a range.

A partition is the UTC hour (snapshots) or UTC day (history, marts) of `observed_at`, regardless of
which run fetched the row. With `end_offset=1`, the current hour and day are partitions too.
"""

import warnings
from collections.abc import Mapping

import dagster as dg

# Partitioned checks and open upstream windows are preview and beta features in Dagster 1.13.
# docs/adr records why they are used. Without the filters every command would print a warning.
warnings.filterwarnings("ignore", category=dg.PreviewWarning)
warnings.filterwarnings("ignore", category=dg.BetaWarning)

HOURLY = dg.HourlyPartitionsDefinition(start_date="2018-01-01-00:00", end_offset=1)
DAILY = dg.DailyPartitionsDefinition(start_date="2018-01-01", end_offset=1)

# How a backfill that is launched in Dagster's UI splits a range. History takes one run, so that
# each call covers a long window. The other assets take runs of at most 24 hours or 7 days, as
# `upkeep.stretches` does, so that a failed run repeats little work.
RANGE_IN_ONE_RUN = dg.BackfillPolicy.single_run()
UP_TO_24_HOURS_PER_RUN = dg.BackfillPolicy.multi_run(max_partitions_per_run=24)
UP_TO_7_DAYS_PER_RUN = dg.BackfillPolicy.multi_run(max_partitions_per_run=7)

_RANGE_TAGS = ("dagster/asset_partition_range_start", "dagster/asset_partition_range_end")


def range_tags(first: str, last: str) -> dict[str, str]:
    """Tags of a run over a range of partitions, both ends included."""
    return dict(zip(_RANGE_TAGS, (first, last), strict=True))


def range_of(tags: Mapping[str, str]) -> tuple[str, str] | None:
    """The first and last partition of a run over a range, from its tags; None without tags."""
    first, last = (tags.get(name) for name in _RANGE_TAGS)
    return (first, last) if first and last else None
