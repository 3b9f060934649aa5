"""Hours and days that earlier runs have left to do.

What goes here: which of them there are, and how many one run does. What stays out: doing them (in
`run` and `cycle`), the questions to the stores (in `upkeep`).
"""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta

from cryptoassets.operations.session import Stores
from cryptoassets.partitions.spans import partition_window
from cryptoassets.resources.postgres import PostgresResource
from cryptoassets.schemas import SNAPSHOT_FLOW
from cryptoassets.upkeep.days import stale_mart_days
from cryptoassets.upkeep.partitions import hours_without_parquet, partitions_waiting

MOST_HOURS = 24
"""Most hours left behind that one run processes, newest first; they take a minute or two."""
MOST_DAYS = 28
"""Most days of stale marts that one run makes, newest first; four runs of a week each."""


@dataclass(frozen=True)
class LeftBehind:
    """Hours whose documents are not all published, or days whose marts are stale.

    Attributes:
        keys: partition keys of those that this run does.
        rest: a sentence that names the others and the command for them; None: there are none.
    """

    keys: set[str]
    rest: str | None


def hours_begun(hours: Collection[str]) -> list[str]:
    """The keys of hours that have begun, oldest first.

    A source whose clock is fast sends documents of an hour ahead. Dagster has no partition for it
    until it begins.
    """
    now = datetime.now(UTC)
    return [hour for hour in sorted(hours) if partition_window(hour)[0] <= now]


def hours_left_behind(stores: Stores, now: datetime) -> LeftBehind:
    """Hours of any age that are not published, and those of the last day without Parquet."""
    waiting = partitions_waiting(stores.mongo, stores.postgres, SNAPSHOT_FLOW, now)
    without_parquet = hours_without_parquet(stores.mongo, stores.postgres, now)
    keys = hours_begun({*(partition.key for partition in waiting), *without_parquet})
    return _newest(keys, MOST_HOURS, "hours have documents that are not processed")


def days_left_behind(postgres: PostgresResource) -> LeftBehind:
    """Days of any age whose marts are stale."""
    keys = [str(day) for day in stale_mart_days(postgres)]
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
