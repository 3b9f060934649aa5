"""Dates are parsed to the millisecond, in all forms that Spark accepts."""

from datetime import UTC, datetime

import pytest

from cryptoassets.transforms.times import milliseconds_of

NINE = datetime(2026, 11, 22, 9, tzinfo=UTC)
MIDNIGHT = datetime(2026, 11, 22, tzinfo=UTC)


@pytest.mark.parametrize(
    ("text", "time"),
    [
        ("2026-11-22T09:00:00.000Z", NINE),
        ("2026-11-22T9:0", NINE),
        ("2026-11-22 09:00:00", NINE),
        ("2026-11-22T09:00:00.", NINE),
        ("2026-11-22T09:00:00.0009999999 UTC", NINE),
        ("2026-11-22T10:30:00+1:30", NINE),
        ("2026-11-22T03:30:00-0530", NINE),
        ("2026-11-23T03:00:00+18:00", NINE),
        (" 2026-11-22T10:00:00+01:00:00\n", NINE),
        ("2026-11-22T09:00:00.25Z", NINE.replace(microsecond=250_000)),
        ("2026-11-22", MIDNIGHT),
        ("+02026-11-22", MIDNIGHT),
        ("2026-11", datetime(2026, 11, 1, tzinfo=UTC)),
        ("2026", datetime(2026, 1, 1, tzinfo=UTC)),
    ],
)
def test_a_date_is_parsed_to_its_instant(text: str, time: datetime) -> None:
    """Rare forms are accepted because the source may change its format."""
    assert round(time.timestamp() * 1000) == milliseconds_of(text)


@pytest.mark.parametrize(
    "text",
    [
        *("", "yesterday", "1795338000000", "20261122T090000Z", "2026-W47-7", "2026-11-31", "0000"),
        *("2026-11-22T", "2026-11-22T09:00Z", "2026-11-22T24:00:00Z", "2026-11-22t09:00:00Z"),
        *("2026-11-22T09:00:00+18:01", "2026-11-22T09:00:00+01:60", "2026-11-22T09:00:00,0Z"),
        *("\u0968026-11-22", "2026-11-22T09:00:00+", "10000-01-01"),
    ],
)
def test_a_text_that_is_not_a_date_is_parsed_to_none(text: str) -> None:
    """Such a string must not become today's date, or a date in another year."""
    assert milliseconds_of(text) is None
