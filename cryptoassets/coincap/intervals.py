"""CoinCap's intervals of history, and times in its milliseconds.

What goes here: what client and simulator must agree on. What stays out: the intervals' names and
lengths (in `schemas.intervals`), which windows are asked (in `coincap.history`).
"""

from datetime import UTC, datetime, timedelta

from cryptoassets.schemas import INTERVAL_MS

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_DAY_MS = 86_400_000

LONGEST_WINDOW_MS = {
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
"""Longest window of one history call, milliseconds; from memory of v2, so halve it if refused."""

LONGEST_WINDOW_POINTS = {name: LONGEST_WINDOW_MS[name] // INTERVAL_MS[name] for name in INTERVAL_MS}


def epoch_ms(time: datetime) -> int:
    """Return an aware time as whole milliseconds since 1970, UTC."""
    return (time - _EPOCH) // timedelta(milliseconds=1)


def from_epoch_ms(milliseconds: int) -> datetime:
    """Return milliseconds since 1970 as time, UTC."""
    return _EPOCH + timedelta(milliseconds=milliseconds)


__all__ = [
    "INTERVAL_MS",
    "LONGEST_WINDOW_MS",
    "LONGEST_WINDOW_POINTS",
    "epoch_ms",
    "from_epoch_ms",
]
