"""The difference between the source's clock and this machine's, computed from one response.

What goes here: reading the response's time. What stays out: refusing an impossible timestamp (in
`documents`).
"""

from datetime import UTC
from email.utils import parsedate_to_datetime
from typing import Any

from cryptoassets.coincap.models import Response

MAX_DIFFERENCE_SECONDS = 120.0


def clock_difference_seconds(response: Response, timestamp: Any) -> float | None:
    """Return how many seconds the source's clock is ahead of this machine's, or None if unknown.

    Args:
        response: the source's response; its `Date` header is used if `timestamp` is not a number.
        timestamp: timestamp in the response's envelope, ms. Ignored for a replay, which may return
            recorded timestamps.
    """
    is_number = type(timestamp) in (int, float)
    if is_number and response.source != "replay":
        return round(float(timestamp) / 1000 - response.fetched_at.timestamp(), 1)
    try:
        sent_at = parsedate_to_datetime(response.headers.get("date", ""))
    except ValueError:
        return None
    sent_at = sent_at if sent_at.tzinfo else sent_at.replace(tzinfo=UTC)
    return round((sent_at - response.fetched_at).total_seconds(), 1)


def clock_warning(difference_seconds: float | None) -> str | None:
    """Return a warning if the clocks differ by more than two minutes, else None."""
    if difference_seconds is None or abs(difference_seconds) <= MAX_DIFFERENCE_SECONDS:
        return None
    duration = _duration_text(abs(difference_seconds))
    direction = "ahead of" if difference_seconds > 0 else "behind"
    return (
        f"The source's clock is {duration} {direction} this machine's, and prices are stored under "
        "the source's time. Compare both with NTP, and set this machine's clock if it is wrong"
    )


def _duration_text(seconds: float) -> str:
    if seconds < 2 * 3600:
        return f"{seconds / 60:.1f} min"
    return f"{seconds / 3600:.1f} h" if seconds < 2 * 86400 else f"{seconds / 86400:.0f} days"
