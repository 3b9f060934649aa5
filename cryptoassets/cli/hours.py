"""Hours that a fetch leaves to process: those that have begun, and those left behind.

What goes here: what `run` and its loop ask of the stores. What stays out: processing (in the
verbs), the stores' own words (in `upkeep.partitions`).
"""

from collections.abc import Collection
from contextlib import closing
from datetime import UTC, datetime

from cryptoassets.io_managers.address import partition_window
from cryptoassets.resources.mongo import MongoResource
from cryptoassets.resources.postgres import PostgresResource
from cryptoassets.upkeep.partitions import hours_left_behind, hours_without_parquet


def begun(hours: Collection[str]) -> list[str]:
    """The keys of hours that have begun, oldest first; a source whose clock is fast is ahead.

    Dagster knows an hour when it begins: until then its documents wait.
    """
    now = datetime.now(UTC)
    return [hour for hour in sorted(hours) if partition_window(hour)[0] <= now]


def left_behind(now: datetime) -> set[str]:
    """The keys of hours of the last day that are not published, or have no Parquet any more."""
    mongo, postgres = MongoResource(), PostgresResource()
    with closing(mongo.lake().client):
        unpublished = hours_left_behind(mongo, postgres, now)
        return unpublished | hours_without_parquet(mongo, postgres, now)
