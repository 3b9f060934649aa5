"""The partition definitions, the backfill policy, and the tags of a run over a range of partitions.

A partition is the UTC hour (snapshots, rates) or UTC day (history, marts) of `observed_at`,
regardless of which run fetched the row. The first partition starts on the day in
`CRYPTOASSETS_SINCE`, so this setting is read when the module is imported. With `end_offset=1`, the
current hour and day are partitions, too.
"""

import warnings
from collections.abc import Mapping

import dagster as dg

from cryptoassets.settings import definition_settings

# In Dagster 1.13, partitioned checks are a preview feature, and
# `allow_nonexistent_upstream_partitions` is a beta feature. ADR 0011 in docs/adr records why they
# are used. Without these filters, every command would print a warning.
warnings.filterwarnings("ignore", category=dg.PreviewWarning)
warnings.filterwarnings("ignore", category=dg.BetaWarning)

_SINCE = definition_settings().cryptoassets_since
HOURLY = dg.HourlyPartitionsDefinition(start_date=f"{_SINCE}-00:00", end_offset=1)
DAILY = dg.DailyPartitionsDefinition(start_date=f"{_SINCE}", end_offset=1)

# A backfill from Dagster's UI is one run, however long its range. "Materialize all" selects every
# hour since the first, and only the run can find out which of these hours have data. `rebuild`
# splits long ranges itself (see `upkeep.stretches`).
RANGE_IN_ONE_RUN = dg.BackfillPolicy.single_run()

_RANGE_TAGS = ("dagster/asset_partition_range_start", "dagster/asset_partition_range_end")


def range_tags(first: str, last: str) -> dict[str, str]:
    """Return the tags of a run over a range of partitions; both ends are included."""
    return dict(zip(_RANGE_TAGS, (first, last), strict=True))


def range_of(tags: Mapping[str, str]) -> tuple[str, str] | None:
    """Return the first and last partition of a run over a range, from its tags; otherwise None."""
    first, last = (tags.get(name) for name in _RANGE_TAGS)
    return (first, last) if first and last else None
