"""How far the source's clock and ours are apart, by one answer.

What goes here: reading the answer's time. What stays out: refusing a timestamp that cannot be true
(in `documents`).
"""

from datetime import UTC
from email.utils import parsedate_to_datetime
from typing import Any

from cryptoassets.coincap.models import Answer

CLOCK_FACT = "clock_difference_seconds"
"""Label in the metadata of `raw/coin_snapshots`."""
MOST_DIFFERENCE_SECONDS = 120.0


def clock_difference_seconds(answer: Answer, timestamp: Any) -> float | None:
    """Return how many seconds the source's clock is ahead of this machine's; None: no time sent.

    Args:
        answer: of the source.
        timestamp: of its envelope, as sent, ms; that of a replay may be as recorded and is not
            looked at.
    """
    is_number = type(timestamp) in (int, float)
    if is_number and answer.source != "replay":
        return round(float(timestamp) / 1000 - answer.fetched_at.timestamp(), 1)
    try:
        sent_at = parsedate_to_datetime(answer.headers.get("date", ""))
    except ValueError:
        return None
    sent_at = sent_at if sent_at.tzinfo else sent_at.replace(tzinfo=UTC)
    return round((sent_at - answer.fetched_at).total_seconds(), 1)


def clock_warning(difference_seconds: float | None) -> str | None:
    """Return a sentence where the clocks are more than two minutes apart, else None."""
    if difference_seconds is None or abs(difference_seconds) <= MOST_DIFFERENCE_SECONDS:
        return None
    place = "ahead of" if difference_seconds > 0 else "behind"
    return (
        f"The source's clock is {_span(abs(difference_seconds))} {place} ours, and prices are "
        "filed under its time. Compare both with NTP, and set this machine's clock if it is wrong"
    )


def _span(seconds: float) -> str:
    if seconds < 2 * 3600:
        return f"{seconds / 60:.1f} min"
    return f"{seconds / 3600:.1f} h" if seconds < 2 * 86400 else f"{seconds / 86400:.0f} days"
