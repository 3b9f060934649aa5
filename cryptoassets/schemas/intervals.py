"""The values of the column `interval`: CoinCap's names of intervals, and their lengths."""

_MINUTE_MS = 60_000

INTERVAL_MS = {
    "m1": _MINUTE_MS,
    "m5": 5 * _MINUTE_MS,
    "m15": 15 * _MINUTE_MS,
    "m30": 30 * _MINUTE_MS,
    "h1": 60 * _MINUTE_MS,
    "h2": 120 * _MINUTE_MS,
    "h6": 360 * _MINUTE_MS,
    "h12": 720 * _MINUTE_MS,
    "d1": 1440 * _MINUTE_MS,
}
"""Length of each interval in milliseconds. A day is a multiple of each of them, so every
history of prices has a point at midnight."""
