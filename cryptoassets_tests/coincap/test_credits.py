"""The cost of calls, and how fast a month's credits may be spent."""

from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cryptoassets.coincap.credits import Budget, counted_credits, estimated_credits
from cryptoassets.coincap.protocol import ASSETS_ROUTE, HISTORY_ROUTE
from cryptoassets_tests.transforms.snapshots import NO_TIME_LIMIT

MID_MONTH = datetime(2026, 11, 16, tzinfo=UTC)


@pytest.mark.parametrize(
    ("route", "rows", "expected"),
    [
        (ASSETS_ROUTE, 100, 18),
        (ASSETS_ROUTE, 2000, 330),
        (HISTORY_ROUTE, 720, 41),
        (HISTORY_ROUTE, 288, 17),
    ],
)
def test_estimates_match_the_costs_that_api_users_report(
    route: str, rows: int, expected: int
) -> None:
    """If the estimates were too low, the credits would not last until the month ends."""
    assert expected == estimated_credits(route, rows)


@pytest.mark.parametrize(("size", "expected"), [(0, 1), (1, 2), (2500, 2), (2501, 3)])
def test_a_call_costs_one_credit_and_one_per_started_2500_bytes(size: int, expected: int) -> None:
    """Sizes at the limits are counted as CoinCap counts them."""
    assert expected == counted_credits(size)


def test_half_the_month_allows_half_the_credits() -> None:
    """The credits of the free plan must last until the last day."""
    assert not Budget(4000, 2000, MID_MONTH).is_over_pace
    assert Budget(4000, 2001, MID_MONTH).is_over_pace


def test_the_next_fetch_is_when_the_pace_allows_it() -> None:
    """Users are shown this time."""
    budget = Budget(4000, 3000, MID_MONTH)

    reached = Budget(4000, 3000, budget.next_fetch_at + timedelta(seconds=1))

    assert datetime(2026, 11, 23, 12, tzinfo=UTC) == budget.next_fetch_at
    assert not reached.is_over_pace


def test_overspent_credits_are_renewed_with_the_next_month() -> None:
    """The wait ends at midnight UTC on the first day of the next month, however much was spent."""
    budget = Budget(4000, 9000, datetime(2026, 12, 31, 23, tzinfo=UTC))

    assert datetime(2027, 1, 1, tzinfo=UTC) == budget.next_fetch_at
    assert 0 == budget.left


def test_the_month_is_in_utc_whatever_the_time_zone_of_now() -> None:
    """With local time, a laptop in Tokyo would start the month nine hours early."""
    tokyo = timezone(timedelta(hours=9))

    budget = Budget(4000, 0, datetime(2026, 12, 1, 8, tzinfo=tokyo))

    assert datetime(2026, 11, 1, tzinfo=UTC) == budget.month_start


def test_a_tenth_of_the_credits_is_kept_in_reserve() -> None:
    """The reserve is left for calls by other programs."""
    budget = Budget(4000, 3590, MID_MONTH)

    assert 400 == budget.reserve
    assert budget.can_spend(10)
    assert not budget.can_spend(11)
    assert budget.can_spend(11, down_to_reserve=False)


def test_snapshots_wait_for_the_next_month_once_only_the_reserve_is_left() -> None:
    """Late in the month the pace alone would allow snapshots to spend the reserve."""
    late = datetime(2026, 11, 29, tzinfo=UTC)

    assert late == Budget(4000, 3582, late).next_snapshot_at(18)
    assert datetime(2026, 12, 1, tzinfo=UTC) == Budget(4000, 3583, late).next_snapshot_at(18)
    assert late < Budget(4000, 3990, late).next_snapshot_at(0) == datetime(2026, 12, 1, tzinfo=UTC)
    assert Budget(4000, 2200, MID_MONTH).next_snapshot_at(18) == (
        Budget(4000, 2200, MID_MONTH).next_fetch_at
    )


def test_history_leaves_half_of_the_remaining_pace_to_snapshots() -> None:
    """A backfill that spent all credits would stop the snapshots until the month ends."""
    budget = Budget(4000, 2500, MID_MONTH)

    assert 400 + 1000 == budget.kept_from_history
    assert budget.can_spend(100, is_history=True)
    assert not budget.can_spend(101, is_history=True)


def test_credits_spent_on_history_slow_snapshots_but_do_not_stop_them() -> None:
    """Halfway through the month, snapshots may have spent half of what history left."""
    spent = Budget(4000, 2600, MID_MONTH, history=1000)

    assert Budget(4000, 2600, MID_MONTH).is_over_pace
    assert spent.is_over_pace
    assert not Budget(4000, 2500, MID_MONTH, history=1000).is_over_pace


def test_a_plan_without_a_limit_never_delays_a_call() -> None:
    """COINCAP_MONTHLY_CREDITS=0 means that there is no limit."""
    budget = Budget(0, 10**9, MID_MONTH)

    assert budget.can_spend(10**6)
    assert not budget.is_over_pace
    assert budget.next_fetch_at == MID_MONTH


@NO_TIME_LIMIT
@given(
    spent=st.integers(0, 10_000),
    now=st.datetimes(datetime(2018, 1, 1), datetime(2040, 1, 1), timezones=st.just(UTC)),  # noqa: DTZ001
)
def test_the_next_fetch_is_between_now_and_the_end_of_the_month(spent: int, now: datetime) -> None:
    """The wait always ends, at the start of the next month at the latest."""
    budget = Budget(4000, spent, now)

    assert now <= budget.next_fetch_at <= budget.next_month
