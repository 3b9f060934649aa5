"""Promises of the arithmetic of history: no point lost or doubled where windows touch."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cryptoassets.coincap.history import (
    Range,
    closed_until,
    joined,
    longest_window,
    on_grid,
    points_in,
    price,
    windows,
    within,
    without,
)
from cryptoassets.schemas import INTERVAL_MS

T0 = datetime(2026, 1, 5, tzinfo=UTC)
HOUR = timedelta(hours=1)


def hours(start: int, end: int) -> Range:
    """A range in hours since T0."""
    return T0 + start * HOUR, T0 + end * HOUR


RANGES = st.tuples(st.integers(0, 200), st.integers(1, 80)).map(lambda p: hours(p[0], p[0] + p[1]))


@given(wanted=RANGES, known=st.lists(RANGES, max_size=6))
def test_what_is_left_and_what_is_known_make_up_what_is_wanted(
    wanted: Range, known: list[Range]
) -> None:
    """Each hour is in exactly one of the two: paid for once, missed never."""
    left = without(wanted, known)

    for number in range(300):
        hour = hours(number, number + 1)
        is_wanted, is_known = bool(within([wanted], hour)), bool(within(known, hour))
        assert len(within(left, hour)) == int(is_wanted and not is_known)


@given(ranges=st.lists(RANGES, max_size=5), longest=st.integers(1, 40))
def test_windows_touch_and_are_never_too_long(ranges: list[Range], longest: int) -> None:
    """A point on a border belongs to the window that starts there."""
    apart = joined(ranges)

    cut = windows(apart, longest * HOUR)

    assert apart == joined(cut)
    assert all(end - start <= longest * HOUR for start, end in cut)
    assert points_in(apart, "h1") == sum(points_in([window], "h1") for window in cut)


def test_holes_that_are_near_are_asked_for_by_one_call() -> None:
    """A call costs a credit, and so do 18 points."""
    holes = [hours(0, 1), hours(5, 6), hours(40, 41)]

    assert [hours(0, 6), hours(40, 41)] == joined(holes, nearer_than=18 * HOUR)


@pytest.mark.parametrize(
    ("now", "interval", "newest"),
    [
        ("10:29", "h1", "09:00"),
        ("10:30", "h1", "10:00"),
        ("10:34", "m5", "10:00"),
        ("10:35", "m5", "10:05"),
        ("00:29", "d1", None),
    ],
)
def test_only_points_that_must_be_there_are_asked_for(
    now: str, interval: str, newest: str | None
) -> None:
    """CoinCap's newest are 8 to 20 minutes old; a window up to now would cover what is to come."""
    moment = datetime.fromisoformat(f"2026-11-23T{now}+00:00")
    step = timedelta(milliseconds=INTERVAL_MS[interval])

    last = closed_until(moment, interval) - step

    assert (f"2026-11-23T{newest}" if newest else "2026-11-22T00:00") == f"{last:%Y-%m-%dT%H:%M}"


@pytest.mark.parametrize("interval", INTERVAL_MS)
def test_grids_begin_at_midnight(interval: str) -> None:
    """Every interval divides a day, so days are whole partitions of each."""
    assert T0 == on_grid(T0, interval)
    step = timedelta(milliseconds=INTERVAL_MS[interval])
    assert T0 + step == on_grid(T0 + timedelta(milliseconds=1), interval)
    assert timedelta(days=1) % step == timedelta(0)


def test_the_price_is_that_which_users_of_the_api_report() -> None:
    """h1 of 30 days: 41 credits; m5 of a day: 17."""
    month, day = (T0, T0 + timedelta(days=30)), (T0, T0 + timedelta(days=1))

    assert (41, 17) == (price([month], "h1"), price([day], "m5"))
    assert 41 * 3 == price(windows([(T0, T0 + timedelta(days=90))], longest_window("h1")), "h1")
