"""Compares the source's clock with this machine's, using a response's timestamp or HTTP date."""

from datetime import UTC, datetime
from typing import Any

import pytest

from cryptoassets.coincap.clocks import clock_difference_seconds, clock_warning
from cryptoassets.coincap.models import Response
from cryptoassets.settings import SourceKind

MACHINE_TIME = datetime(2026, 11, 23, 10, 0, 0, tzinfo=UTC)
MACHINE_MS = int(MACHINE_TIME.timestamp() * 1000)
DATE = {"date": "Mon, 23 Nov 2026 10:03:00 GMT"}


@pytest.mark.parametrize(
    ("source", "timestamp", "headers", "seconds"),
    [
        ("coincap", MACHINE_MS + 150_000, DATE, 150.0),
        ("coincap", MACHINE_MS - 150_000, {}, -150.0),
        ("simulator", None, DATE, 180.0),
        ("simulator", str(MACHINE_MS), DATE, 180.0),
        ("replay", 1_533_581_088_278, DATE, 180.0),
        ("replay", 1_533_581_088_278, {"date": "yesterday"}, None),
        ("coincap", None, {}, None),
        ("coincap", True, {}, None),
    ],
)
def test_the_clock_difference_is_computed_from_the_response(
    source: SourceKind, timestamp: Any, headers: dict[str, str], seconds: float | None
) -> None:
    """A replay's timestamp of 2018 does not mean that the source's clock is years behind."""
    response = Response("http://x/assets", 200, source, headers, b"", MACHINE_TIME)

    assert seconds == clock_difference_seconds(response, timestamp)


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (None, None),
        (120.0, None),
        (-120.0, None),
        (120.1, "2.0 min ahead of this machine's"),
        (-150.0, "2.5 min behind this machine's"),
        (-7200.0, "2.0 h behind this machine's"),
        (86400.0 * 9, "9 days ahead of this machine's"),
    ],
)
def test_more_than_two_minutes_give_a_warning(seconds: float | None, words: str | None) -> None:
    """Either clock may be ahead. Smaller differences are caused by caches and the network."""
    warning = clock_warning(seconds)

    assert (words is None) == (warning is None)
    assert (words or "") in (warning or "")
