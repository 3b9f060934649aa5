"""The lengths of candles, and the time between snapshots.

What goes here: the lengths from which marts compute how many points to expect. What stays out:
CoinCap's intervals (in `intervals`), because each change there marks all history as judged by older
rules; a change here must not.
"""

_MINUTE_MS = 60_000

SNAPSHOT_INTERVAL_MS = 5 * _MINUTE_MS
"""How often a snapshot is due."""

CANDLE_MS = {
    "h1": 60 * _MINUTE_MS,
    "h4": 240 * _MINUTE_MS,
    "d1": 1440 * _MINUTE_MS,
    "w1": 7 * 1440 * _MINUTE_MS,
}
"""Length of each candle in milliseconds."""
