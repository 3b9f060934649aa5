"""The history that one run fetches, and the run tags that change it.

What goes here: the request, the tags, and the conversions between them. What stays out: setting the
tags (`operations.backfill`, the sensor `heal_gaps`), finding the part of a request that the stores
lack (in `plan`).
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime

from cryptoassets.errors import SettingsError

FROM_TAG = "cryptoassets/history_from"
"""ISO time; earlier points are not fetched, but the whole day is processed."""
UNTIL_TAG = "cryptoassets/history_until"
"""ISO time; windows end here at the latest. It may be before or after the end of the run's days."""
COINS_TAG = "cryptoassets/history_coins"
"""Slugs separated by commas; without this tag, the coins are those of the newest snapshot."""
GAPS_TAG = "cryptoassets/history_gaps"
"""If present, only the gaps in `warehouse.gaps` are fetched."""


@dataclass(frozen=True)
class HistoryRequest:
    """The history that one run fetches.

    Attributes:
        start: start of the run's first partition, or later.
        end: end of the run's last partition; other runs fetch windows that begin there or later.
        until: windows may reach beyond `end` up to this time, so that they can have full length;
            None means `end`.
        coins: slugs; None means the top coins of the newest snapshot.
        gaps_only: whether only open gaps in `warehouse.gaps` are fetched. If so, windows that were
            answered before the gap was detected are requested again.
    """

    start: datetime
    end: datetime
    until: datetime | None = None
    coins: tuple[str, ...] | None = None
    gaps_only: bool = False


def request_of(start: datetime, end: datetime, tags: Mapping[str, str]) -> HistoryRequest:
    """Return the request of a run for the days from `start` to `end`.

    Raises:
        SettingsError: a tag is not an ISO time.
    """
    try:
        since = datetime.fromisoformat(tags.get(FROM_TAG, start.isoformat()))
        until = datetime.fromisoformat(tags[UNTIL_TAG]) if UNTIL_TAG in tags else None
    except ValueError as error:
        raise SettingsError(
            f"The run tags {FROM_TAG} and {UNTIL_TAG} must be ISO times ({error}). A retry will "
            "not help; launch the run with valid tags, or without them"
        ) from error
    coins = tuple(filter(None, tags.get(COINS_TAG, "").split(",")))
    return HistoryRequest(
        start=max(start.astimezone(UTC), since.astimezone(UTC)),
        end=end.astimezone(UTC),
        until=until.astimezone(UTC) if until else None,
        coins=coins or None,
        gaps_only=GAPS_TAG in tags,
    )


def tags_of(
    since: datetime, until: datetime, *, coins: tuple[str, ...] | None, gaps_only: bool
) -> dict[str, str]:
    """Return the tags that a backfill sets on its runs: time range, coins, gaps only."""
    return {
        FROM_TAG: since.isoformat(),
        UNTIL_TAG: until.isoformat(),
        **({COINS_TAG: ",".join(coins)} if coins else {}),
        **({GAPS_TAG: "yes"} if gaps_only else {}),
    }
