"""The lengths of candles, and the time between snapshots.

What goes here: the lengths from which marts compute how many points to expect. What stays out:
CoinCap's intervals (in `intervals`). That module counts as part of the rules: after a change there,
all history counts as judged by older rules. A change here must not have this effect.
"""

_MINUTE_MS = 60_000

SNAPSHOT_INTERVAL_MS = 5 * _MINUTE_MS
"""Time between two snapshots in milliseconds."""

CANDLE_MS = {
    "h1": 60 * _MINUTE_MS,
    "h4": 240 * _MINUTE_MS,
    "d1": 1440 * _MINUTE_MS,
    "w1": 7 * 1440 * _MINUTE_MS,
}
"""Length of each candle in milliseconds."""
