"""Run tags that narrow or widen what a run of `history` fetches.

What goes here: the tags and both ways between them and a request. What stays out: who sets them
(`cli.backfill`, the sensor `heal_gaps`).
"""

from collections.abc import Mapping
from datetime import UTC, datetime

from cryptoassets.errors import SettingsError
from cryptoassets.history.resource import HistoryRequest

FROM_TAG = "cryptoassets/history_from"
"""ISO time: nothing before it is fetched, though its day is processed whole."""
UNTIL_TAG = "cryptoassets/history_until"
"""ISO time up to which windows may reach, be it beyond the run's days or short of them."""
COINS_TAG = "cryptoassets/history_coins"
"""Slugs with commas; without it the newest snapshot says whose history is fetched."""
GAPS_TAG = "cryptoassets/history_gaps"
"""Present: only what `warehouse.gaps` lists is fetched."""


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
