"""Windows and their cost: no point is lost or duplicated where windows touch."""

from collections import Counter
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cryptoassets.backfills.windows import (
    BackfillCost,
    backfill_cost,
    closed_until,
    longest_window,
    on_grid,
    points_in,
    price,
    windows,
)
from cryptoassets.coincap.credits import Budget
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


def test_the_cost_of_a_backfill_is_counted_per_group_of_coins_and_in_total() -> None:
    """Coins that cost the same form a group."""
    month, quarter = (Span(T0, T0 + timedelta(days=days)) for days in (30, 90))

    cost = backfill_cost({"bitcoin": [quarter], "new": [month], "ethereum": [quarter]}, "h1")

    assert {(3, 123): 2, (1, 41): 1} == cost.groups
    assert (7, 287) == (cost.calls, cost.credits)


@pytest.mark.parametrize(
    ("needed", "spent", "day", "months"),
    [
        (400, 0, 1, 1),
        (401, 0, 1, 2),
        (800, 0, 1, 2),
        (801, 0, 1, 3),
        (1, 999, 16, 2),
        (400, 999, 16, 2),
        (401, 999, 16, 3),
    ],
)
def test_a_backfill_takes_as_many_months_as_its_credits_need(
    needed: int, spent: int, day: int, months: int
) -> None:
    """A month leaves 400 of 1,000 credits for history: 100 are reserved, 500 are for snapshots."""
    budget = Budget(1_000, spent, datetime(2026, 1, day, tzinfo=UTC))

    assert months == BackfillCost(Counter(), 1, needed).months(budget)
    assert BackfillCost(Counter(), 1, needed).months(Budget(0, spent, budget.now)) is None
