"""Numbers are rounded as decimals, and shown in the form that readers expect."""

from datetime import UTC, date, datetime
from decimal import Decimal
from zoneinfo import ZoneInfo

import pytest

from cryptoassets.dashboard import figures
from cryptoassets.dashboard.charts import daily_line, plotted
from cryptoassets.dashboard.reading import converted


@pytest.mark.parametrize(
    ("amount", "text"),
    [
        ("86650.087424148179707117", "$86,650.09"),
        ("100.005", "$100.01"),
        ("3.251931768885620840", "$3.2519"),
        ("0.1", "$0.10000"),
        ("0.000000012345678", "$0.000000012346"),
        ("0", "$0.00"),
    ],
)
def test_prices_are_rounded_and_have_no_exponent(amount: str, text: str) -> None:
    """Floats would be shown as 0.30000000000000004 or 1.2346e-08."""
    assert text == figures.price(Decimal(amount), "USD")


def test_amounts_carry_the_sign_or_code_of_their_currency() -> None:
    """Readers choose the currency, so each amount must show it."""
    assert "€1.71 T" == figures.total(Decimal("1712345678901.23"), "EUR")
    assert "CHF 512.00 B" == figures.total(Decimal("512000000000"), "CHF")
    assert "¥999" == figures.total(Decimal("999.4"), "JPY")
    assert "—" == figures.price(None, "EUR")


@pytest.mark.parametrize(
    ("share", "text"),
    [("1.005", "+1.01 %"), ("-0.004", "0.00 %"), ("-12.3", "-12.30 %"), ("0", "0.00 %")],
)
def test_changes_have_a_sign_unless_they_round_to_zero(share: str, text: str) -> None:
    """-0.00 % would look like a loss."""
    assert text == figures.percent(Decimal(share), is_signed=True)


def test_ages_use_their_largest_unit() -> None:
    """1.5 h is easier to read than 5,400 seconds."""
    assert ["42 s", "1.5 h", "2 d"] == [figures.age(one) for one in (42.7, 5400, 172_800)]


def test_times_are_in_the_readers_zone() -> None:
    """Readers expect their local time."""
    time = datetime(2026, 11, 27, 23, 30, tzinfo=UTC)

    assert "28 Nov 2026, 00:30" == figures.moment(time, ZoneInfo("Europe/Berlin"))


@pytest.mark.parametrize(
    ("day", "text"),
    [("2026-01-01", "yesterday"), ("2025-12-31", "31 Dec 2025"), ("2026-01-03", "3 Jan")],
)
def test_only_the_day_before_today_is_called_yesterday(day: str, text: str) -> None:
    """In an earlier version, a comparison with any day was called a change since yesterday."""
    today = date(2026, 1, 2 if text != "3 Jan" else 28)

    assert text == figures.past_day(date.fromisoformat(day), today)


def test_a_daily_line_is_interrupted_at_a_missing_day() -> None:
    """A straight line across a missing day would look like known values."""
    days = [date(2026, 11, day) for day in (23, 24, 26, 28)]

    drawn = daily_line(days, [Decimal(day.day) for day in days], [str(day) for day in days])

    assert (23, 24, None, 26, None, 28) == drawn.y
    # A line through a single point is invisible, so such a day is a dot.
    assert [False, False, False, True, False, True] == [
        bool(size) and amount is not None
        for size, amount in zip(drawn.marker.size, drawn.y, strict=True)
    ]


def test_the_browser_gets_no_binary_rounding_errors() -> None:
    """Plotly shows every digit that it gets."""
    assert [0.3, None, 86650.09] == plotted([Decimal("0.1") * 3, None, Decimal("86650.0874241")])


def test_amounts_are_converted_in_sql_only() -> None:
    """Amounts in dollars need no conversion."""
    query = "SELECT {close @ day + interval '1 day'} AS close"

    assert "SELECT close AS close" == converted(query, "USD")
    assert (
        "SELECT warehouse.price_in(close, %(currency)s, (day + interval '1 day')::timestamptz) "
        "AS close"
    ) == converted(query, "EUR")
