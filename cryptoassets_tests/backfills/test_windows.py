"""Windows and their cost: no point is lost or duplicated where windows touch."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cryptoassets.backfills.windows import (
    closed_until,
    longest_window,
    on_grid,
    points_in,
    price,
    windows,
)
from cryptoassets.partitions.spans import Span, joined
from cryptoassets.schemas import INTERVAL_MS
from cryptoassets_tests.transforms.snapshots import NO_TIME_LIMIT

T0 = datetime(2026, 1, 5, tzinfo=UTC)
HOUR = timedelta(hours=1)


def hours(start: int, end: int) -> Span:
    """Return a span in hours since T0."""
    return Span(T0 + start * HOUR, T0 + end * HOUR)


SPANS = st.tuples(st.integers(0, 200), st.integers(1, 80)).map(lambda p: hours(p[0], p[0] + p[1]))


@NO_TIME_LIMIT
@given(spans=st.lists(SPANS, max_size=5), longest=st.integers(1, 40))
def test_windows_are_adjacent_and_never_too_long(spans: list[Span], longest: int) -> None:
    """A point on the border of two windows belongs to the later one."""
    apart = joined(spans)

    cut = windows(apart, longest * HOUR)

    assert apart == joined(cut)
    assert all(end - start <= longest * HOUR for start, end in cut)
    assert points_in(apart, "h1") == sum(points_in([window], "h1") for window in cut)


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
def test_only_points_that_must_exist_are_requested(
    now: str, interval: str, newest: str | None
) -> None:
    """CoinCap's newest points are 8 to 20 minutes old, so a window must not reach up to now."""
    moment = datetime.fromisoformat(f"2026-11-23T{now}+00:00")
    step = timedelta(milliseconds=INTERVAL_MS[interval])

    last = closed_until(moment, interval) - step

    assert (f"2026-11-23T{newest}" if newest else "2026-11-22T00:00") == f"{last:%Y-%m-%dT%H:%M}"


@pytest.mark.parametrize("interval", INTERVAL_MS)
def test_grids_begin_at_midnight(interval: str) -> None:
    """Every interval divides a day, so each day contains whole intervals."""
    assert T0 == on_grid(T0, interval)
    step = timedelta(milliseconds=INTERVAL_MS[interval])
    assert T0 + step == on_grid(T0 + timedelta(milliseconds=1), interval)
    assert timedelta(days=1) % step == timedelta(0)


def test_the_price_equals_the_costs_that_api_users_report() -> None:
    """30 days of h1 cost 41 credits, one day of m5 costs 17."""
    month, day, quarter = (Span(T0, T0 + timedelta(days=count)) for count in (30, 1, 90))

    assert (41, 17) == (price([month], "h1"), price([day], "m5"))
    assert 41 * 3 == price(windows([quarter], longest_window("h1")), "h1")
