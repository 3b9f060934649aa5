"""CoinCap's credits: how many are spent, and how long the remaining ones will last.

What goes here: the figures that `status`, alerts and metrics show. What stays out: the rules (in
`coincap.credits`), the table (in `stores.credit_ledger`).
"""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import psycopg

from cryptoassets.coincap.credits import Budget, estimated_credits
from cryptoassets.coincap.protocol import ASSETS_ROUTE
from cryptoassets.stores.credit_ledger import read_budget, spent_since

_WEEK = timedelta(days=7)
_DAY = timedelta(days=1)


@dataclass(frozen=True)
class CreditStatus:
    """CoinCap's credits this month; times are in ISO format, UTC.

    Attributes:
        left: None if the plan has no limit.
        spent_today: credits spent in the last 24 hours.
        lasts_until: when the reserve is reached at the pace of the last 24 hours; None if that is
            not in this month.
        needed_for_a_week: cost of all fetches except history in the next 7 days, or until the month
            ends if that is sooner, at the pace of the last 24 hours; at least one snapshot's cost.
    """

    monthly: int
    spent: int
    left: int | None
    reserve: int
    kept_for_snapshots: int
    next_fetch_at: str
    spent_today: int
    lasts_until: str | None
    needed_for_a_week: int

    @property
    def is_low(self) -> bool:
        """Whether fewer credits are left above the reserve than are needed for a week."""
        return self.left is not None and self.left - self.reserve < self.needed_for_a_week


def read_credits(connection: psycopg.Connection[Any], monthly: int, coins: int) -> CreditStatus:
    """Read the credit ledger `warehouse.credits`.

    Args:
        connection: its role must be allowed to read `warehouse`.
        monthly: the plan's credits per calendar month (UTC); 0 = no limit.
        coins: coins in a snapshot.
    """
    now = datetime.now(UTC)
    budget = read_budget(connection, monthly, now)
    today = spent_since(connection, now - _DAY)
    without_history = spent_since(connection, now - _DAY, counts_history=False)
    return CreditStatus(
        monthly=budget.monthly,
        spent=budget.spent,
        left=budget.left if budget.is_limited else None,
        reserve=budget.reserve,
        kept_for_snapshots=budget.kept_from_history - budget.reserve,
        next_fetch_at=budget.next_fetch_at.isoformat(timespec="seconds"),
        spent_today=today,
        lasts_until=_lasts_until(budget, today),
        needed_for_a_week=_needed_for_a_week(budget, without_history, coins),
    )


def _needed_for_a_week(budget: Budget, per_day: int, coins: int) -> int:
    days = min(_WEEK, budget.next_month - budget.now) / _DAY
    # While no fetch is possible, the measured pace falls to 0, but a snapshot is still needed.
    return max(int(per_day * days), estimated_credits(ASSETS_ROUTE, coins))


def _lasts_until(budget: Budget, today: int) -> str | None:
    """When the reserve is reached at the pace of the last 24 hours; None if not in this month."""
    if not (budget.is_limited and today):
        return None
    days = max(0, budget.left - budget.reserve) / today
    end = budget.now + timedelta(days=days)
    return end.isoformat(timespec="seconds") if end < budget.next_month else None
