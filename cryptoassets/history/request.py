"""What one run of `history` fetches, and the run tags that narrow or widen it.

What goes here: the request, the tags, and both ways between them. What stays out: who sets the tags
(`cli.backfill`, the sensor `heal_gaps`), what of a request is still missing (in `plan`).
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime

from cryptoassets.errors import SettingsError

FROM_TAG = "cryptoassets/history_from"
"""ISO time: nothing before it is fetched, though its day is processed whole."""
UNTIL_TAG = "cryptoassets/history_until"
"""ISO time up to which windows may reach, be it beyond the run's days or short of them."""
COINS_TAG = "cryptoassets/history_coins"
"""Slugs with commas; without it the newest snapshot says whose history is fetched."""
GAPS_TAG = "cryptoassets/history_gaps"
"""Present: only what `warehouse.gaps` lists is fetched."""


@dataclass(frozen=True)
class HistoryRequest:
    """What one run fetches.

    Attributes:
        start: of its first partition, or later.
        end: of its last partition; windows that begin there or later are left to other runs.
        until: windows may reach up to here, so that they stay as long as the source allows.
        coins: slugs; None: the top coins of the newest snapshot.
        gaps_only: only what `warehouse.gaps` lists as open, asked once more whatever was answered.
    """

    start: datetime
    end: datetime
    until: datetime | None = None
    coins: tuple[str, ...] | None = None
    gaps_only: bool = False


def request_of(start: datetime, end: datetime, tags: Mapping[str, str]) -> HistoryRequest:
    """The request of a run over the days from `start` to `end`.

    Raises:
        SettingsError: a tag cannot be read.
    """
    try:
        since = datetime.fromisoformat(tags.get(FROM_TAG, start.isoformat()))
        until = datetime.fromisoformat(tags[UNTIL_TAG]) if UNTIL_TAG in tags else None
    except ValueError as error:
        raise SettingsError(
            f"The run tags {FROM_TAG} and {UNTIL_TAG} are ISO times ({error}). A retry will not "
            "help; launch the run with others, or with none"
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
    """The tags by which runs of a backfill know what they are part of."""
    return {
        FROM_TAG: since.isoformat(),
        UNTIL_TAG: until.isoformat(),
        **({COINS_TAG: ",".join(coins)} if coins else {}),
        **({GAPS_TAG: "yes"} if gaps_only else {}),
    }
