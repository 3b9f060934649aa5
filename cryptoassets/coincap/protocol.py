"""CoinCap's protocol: routes, history windows, time formats, and kinds of source.

What goes here: what the client and this project's server (`coincap_server`) must agree on. What
stays out: the intervals' names and lengths (in `schemas.intervals`), the cost of a call (in
`credits`), which windows are requested (in `backfills`).
"""

from datetime import UTC, datetime, timedelta
from typing import get_args

from cryptoassets.settings import SourceKind

ASSETS_ROUTE = "/assets"
HISTORY_ROUTE = "/assets/{slug}/history"
RATES_ROUTE = "/rates"

SOURCE_HEADER = "X-Cryptoassets-Source"
"""Names the kind of source. Only this project's server sends this header, in every response."""

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_DAY_MS = 86_400_000

MAX_WINDOW_MS = {
    "m1": _DAY_MS,
    "m5": 5 * _DAY_MS,
    "m15": 7 * _DAY_MS,
    "m30": 14 * _DAY_MS,
    "h1": 30 * _DAY_MS,
    "h2": 61 * _DAY_MS,
    "h6": 183 * _DAY_MS,
    "h12": 365 * _DAY_MS,
    "d1": 20 * 365 * _DAY_MS + 5 * _DAY_MS,
}
"""Longest window of one history call in v2, in milliseconds. v3 documents no limit, so
`backfills.fetch` halves a window that is refused."""


def epoch_ms(time: datetime) -> int:
    """Return an aware time as whole milliseconds since 1970, UTC."""
    return (time - _EPOCH) // timedelta(milliseconds=1)


def from_epoch_ms(milliseconds: int) -> datetime:
    """Convert milliseconds since 1970 to a UTC time."""
    return _EPOCH + timedelta(milliseconds=milliseconds)


def iso_milliseconds(time: datetime) -> str:
    """Return an aware time as `2026-11-23T10:00:00.123Z`."""
    return time.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def source_named(header: str) -> SourceKind:
    """Return the kind of source that `SOURCE_HEADER` names; any other string means CoinCap."""
    kinds: tuple[SourceKind, ...] = get_args(SourceKind)
    return next((kind for kind in kinds if kind == header), "coincap")
