"""Hours that a fetch leaves to process: those that have begun, and those left behind.

What goes here: what `run` and its loop ask of the stores, and how much of it one run does. What
stays out: processing (in the verbs), the stores' own words (in `upkeep`).
"""

from collections.abc import Collection
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta

from cryptoassets.partitions.spans import partition_window
from cryptoassets.resources.mongo import MongoResource
from cryptoassets.resources.postgres import PostgresResource
from cryptoassets.schemas import SNAPSHOT_FLOW
from cryptoassets.upkeep.days import stale_mart_days
from cryptoassets.upkeep.partitions import hours_without_parquet, partitions_waiting

MOST_HOURS = 24
"""Hours left behind that one run processes, the newest: a minute or two."""
MOST_DAYS = 28
"""Days of stale marts that one run makes, the newest: four runs of a week."""


@dataclass(frozen=True)
class LeftBehind:
    """Hours whose documents are not all published, and days whose marts are stale: keys.

    Attributes:
        keys: what this run does.
        rest: a sentence that names the others and the command for them; None: there are none.
    """

    keys: set[str]
    rest: str | None


def begun(hours: Collection[str]) -> list[str]:
    """The keys of hours that have begun, oldest first; a source whose clock is fast is ahead.

    Dagster knows an hour when it begins: until then its documents wait.
    """
    now = datetime.now(UTC)
    return [hour for hour in sorted(hours) if partition_window(hour)[0] <= now]


def hours_left_behind(now: datetime) -> LeftBehind:
    """Hours of any age that are not published, and those of the last day without Parquet."""
    mongo, postgres = MongoResource(), PostgresResource()
    with closing(mongo.lake().client):
        waiting = partitions_waiting(mongo, postgres, SNAPSHOT_FLOW, now)
        without_parquet = hours_without_parquet(mongo, postgres, now)
    keys = begun({*(partition.key for partition in waiting), *without_parquet})
    return _newest(keys, MOST_HOURS, "hours have documents that are not processed")


def days_left_behind() -> LeftBehind:
    """Days of any age whose marts are stale."""
    keys = [str(day) for day in stale_mart_days(PostgresResource())]
    return _newest(keys, MOST_DAYS, "days have marts that are stale")


def _newest(keys: list[str], most: int, what: str) -> LeftBehind:
    rest = keys[:-most]
    if not rest:
        return LeftBehind(set(keys), None)
    end = date.fromisoformat(rest[-1][:10]) + timedelta(days=1)
    return LeftBehind(
        set(keys[-most:]),
        f"{len(rest)} older {what} ({rest[0]} to {rest[-1]}). The next `cryptoassets run` does the "
        f"newest of them; `cryptoassets rebuild --from {rest[0][:10]} --to {end}` does them all",
    )
