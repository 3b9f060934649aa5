"""Hours and days that earlier runs left unfinished.

What goes here: finding them, and how many of them one run processes. What stays out: processing
them (in `run` and `cycle`), queries to the stores (in `upkeep`).
"""

from collections.abc import Collection
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta

from cryptoassets.operations.session import Stores
from cryptoassets.partitions.spans import partition_window
from cryptoassets.resources.postgres import PostgresResource
from cryptoassets.schemas import SNAPSHOT_FLOW, Flow
from cryptoassets.upkeep.days import stale_mart_days
from cryptoassets.upkeep.earlier_data import earlier_documents, split_at_first
from cryptoassets.upkeep.partitions import partitions_waiting, partitions_without_parquet

MAX_HOURS = 24
"""How many unfinished hours (and days of history) one run processes at most, newest first; this
takes a minute or two."""
MAX_DAYS = 28
"""Maximum number of days whose stale marts one `run` computes, seven days per Dagster run."""
NEWEST_DAYS = 7
"""How many of the `MAX_DAYS` days are the newest stale days. The other days are the oldest, which
later days need."""


@dataclass(frozen=True)
class LeftBehind:
    """Partitions whose documents are not all published, or days whose marts are stale.

    Attributes:
        keys: keys of the partitions that this run processes.
        warning: which partitions this run does not process, and the command that processes
            them; None: this run processes all.
    """

    keys: set[str]
    warning: str | None


def started_partitions(keys: Collection[str]) -> list[str]:
    """Return those hours or days that have started, oldest first.

    A source whose clock is fast sends documents of the next hour. Dagster has no partition for
    that hour until it starts.
    """
    now = datetime.now(UTC)
    return [key for key in sorted(keys) if partition_window(key)[0] <= now]


def partitions_left_behind(stores: Stores, now: datetime, flow: Flow = SNAPSHOT_FLOW) -> LeftBehind:
    """Find unpublished hours of any age, and the last day's hours without usable Parquet.

    History has days instead of hours.
    """
    waiting = partitions_waiting(stores.mongo, stores.postgres, flow, now)
    without_parquet = partitions_without_parquet(stores.mongo, stores.postgres, flow, now)
    keys = started_partitions({*(partition.key for partition in waiting), *without_parquet})
    earlier, keys = split_at_first(keys)
    found = _newest(keys, MAX_HOURS, f"{flow.unit}s have documents that are not processed")
    sentences = [earlier_documents(earlier)] if earlier else []
    return replace(found, warning=". ".join([*filter(None, [found.warning]), *sentences]) or None)


def days_left_behind(postgres: PostgresResource) -> LeftBehind:
    """Find days whose marts are stale; if there are too many, choose the newest and the oldest.

    A day stays stale until the days that it depends on are computed, so the oldest are included.
    """
    keys = [str(day) for day in stale_mart_days(postgres)]
    oldest, newest = keys[: MAX_DAYS - NEWEST_DAYS], keys[-NEWEST_DAYS:]
    rest = keys[len(oldest) : -NEWEST_DAYS]
    if len(keys) <= MAX_DAYS:
        return LeftBehind(set(keys), None)
    what = "days have stale marts"
    return LeftBehind({*oldest, *newest}, _sentence(rest, f"more {what}", "oldest"))


def rest_of_days(postgres: PostgresResource) -> str | None:
    """Return a sentence about the days whose marts are still stale; None: no mart is stale."""
    keys = [str(day) for day in stale_mart_days(postgres)]
    return _sentence(keys, "more days have stale marts", "oldest") if keys else None


def _newest(keys: list[str], limit: int, what: str) -> LeftBehind:
    rest = keys[:-limit]
    sentence = _sentence(rest, f"older {what}", "newest") if rest else None
    return LeftBehind(set(keys[-limit:]), sentence)


def _sentence(rest: list[str], what: str, first: str) -> str:
    end = date.fromisoformat(rest[-1][:10]) + timedelta(days=1)
    return (
        f"{len(rest)} {what} ({rest[0]} to {rest[-1]}). The next `cryptoassets run` "
        f"processes the {first} of them; `cryptoassets rebuild --from {rest[0][:10]} --to {end}` "
        "processes all"
    )
