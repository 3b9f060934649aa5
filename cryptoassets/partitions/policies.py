"""The partition definitions, and how a range of them is backfilled; nothing else.

A partition is the UTC hour (snapshots) or UTC day (history, marts) of `observed_at`, whichever run
fetched it. `end_offset=1`: the open hour and the open day are partitions too.
"""

import warnings
from collections.abc import Mapping

import dagster as dg

# Partitioned checks and open upstream windows are preview and beta in Dagster 1.13. That we use
# them is decided in docs/adr; the notice would greet every user of every command.
warnings.filterwarnings("ignore", category=dg.PreviewWarning)
warnings.filterwarnings("ignore", category=dg.BetaWarning)

HOURLY = dg.HourlyPartitionsDefinition(start_date="2018-01-01-00:00", end_offset=1)
DAILY = dg.DailyPartitionsDefinition(start_date="2018-01-01", end_offset=1)

# How Dagster's page backfills a range. History by one run, whose windows stay long; the rest by
# runs of a day of hours or a week of days, as `upkeep.stretches` does: one that fails costs little.
RANGE_IN_ONE_RUN = dg.BackfillPolicy.single_run()
DAY_OF_HOURS_A_RUN = dg.BackfillPolicy.multi_run(max_partitions_per_run=24)
WEEK_OF_DAYS_A_RUN = dg.BackfillPolicy.multi_run(max_partitions_per_run=7)

_RANGE_TAGS = ("dagster/asset_partition_range_start", "dagster/asset_partition_range_end")


def range_tags(first: str, last: str) -> dict[str, str]:
    """Tags of a run over a range of partitions, both ends included."""
    return dict(zip(_RANGE_TAGS, (first, last), strict=True))


def range_of(tags: Mapping[str, str]) -> tuple[str, str] | None:
    """The first and the last partition of a run over a range, by its tags; None: it has none."""
    first, last = (tags.get(name) for name in _RANGE_TAGS)
    return (first, last) if first and last else None
