"""What CoinCap's calls cost, and how fast a month's credits may be spent.

What goes here: pure rules, and the interface through which a client reserves and reports credits.
What stays out: the ledger itself, which is a PostgreSQL table (in `resources`).
"""

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final, Protocol

from cryptoassets.schemas import FLOWS, SNAPSHOT_FLOW

BYTES_PER_CREDIT = 2_500
RESERVE_SHARE = 0.1
SNAPSHOT_SHARE = 0.5
"""History leaves snapshots this share of the credits that the pace allows until the month ends. The
pace spreads a month's credits evenly over the month."""


class CreditKeeper(Protocol):
    """Reserves credits before each call, also before a retry, and then records the call's cost."""

    def reserve(self, route: str, estimated: int) -> Any:
        """Reserve credits for one call.

        Args:
            route: the call's path with placeholders, e.g. `/assets/{slug}/history`.
            estimated: credits the call is expected to cost.

        Returns:
            A ticket to pass to `count`.

        Raises:
            CreditsSpentError: the call must not be made.
        """

    def count(self, ticket: Any, counted: int) -> None:
        """Replace the estimate with the actual cost, which is 0 for this project's own servers."""


class _Unmetered:
    """Allows every call and records nothing."""

    def reserve(self, route: str, estimated: int) -> None:
        """Allow the call."""

    def count(self, ticket: Any, counted: int) -> None:
        """Do nothing."""


UNMETERED: Final[CreditKeeper] = _Unmetered()


def estimated_credits(route: str, rows: int) -> int:
    """Return the credits that `rows` rows of a route are expected to cost."""
    per_row = {flow.route: flow.bytes_per_row for flow in FLOWS}
    return counted_credits(rows * per_row.get(route, SNAPSHOT_FLOW.bytes_per_row))


def counted_credits(body_bytes: int) -> int:
    """Return one call's cost: 1 credit, plus 1 per started 2,500 bytes of uncompressed body."""
    return 1 + -(-body_bytes // BYTES_PER_CREDIT)


@dataclass(frozen=True)
class Budget:
    """The credits of one calendar month (UTC), and how many were spent.

    Attributes:
        monthly: the plan's credits per month; 0 = no limit.
        spent: credits counted or reserved since the month began.
        now: current time, aware.
        history: the part of `spent` that was spent on history.
    """

    monthly: int
    spent: int
    now: datetime
    history: int = 0

    @property
    def is_limited(self) -> bool:
        """Whether the plan has a limit."""
        return self.monthly > 0

    @property
    def left(self) -> int:
        """Credits left this month, never below 0; 0 if the plan has no limit."""
        return max(0, self.monthly - self.spent)

    @property
    def reserve(self) -> int:
        """Credits that this project never spends; they are left for calls by other programs."""
        return int(self.monthly * RESERVE_SHARE)

    @property
    def kept_from_history(self) -> int:
        """Credits that history must not spend.

        These are the reserve, and half of the credits that the pace allows until the month ends.
        """
        pace = self.monthly * (1 - self.elapsed_share)
        return self.reserve + int(pace * SNAPSHOT_SHARE)

    @property
    def month_start(self) -> datetime:
        """First instant of this month, UTC."""
        now = self.now.astimezone(UTC)
        return datetime(now.year, now.month, 1, tzinfo=UTC)

    @property
    def next_month(self) -> datetime:
        """First instant of the next month, UTC, when the plan's credits are renewed."""
        years, month = divmod(self.month_start.month, 12)
        return datetime(self.month_start.year + years, month + 1, 1, tzinfo=UTC)

    @property
    def elapsed_share(self) -> float:
        """How much of the month is over, 0 to 1."""
        return (self.now - self.month_start) / (self.next_month - self.month_start)

    @property
    def is_over_pace(self) -> bool:
        """Whether snapshots spent more than the elapsed part of the month allows.

        Credits spent on history make snapshots less frequent, but do not stop them.
        """
        return self.is_limited and self._paced_spent > self._paced_monthly * self.elapsed_share

    @property
    def _paced_spent(self) -> int:
        return self.spent - self.history

    @property
    def _paced_monthly(self) -> int:
        return max(1, self.monthly - self.history)

    @property
    def next_fetch_at(self) -> datetime:
        """When the pace allows the next fetch; at the latest when the next month begins."""
        if not self.is_over_pace:
            return self.now
        share = min(1.0, self._paced_spent / self._paced_monthly)
        return self.month_start + (self.next_month - self.month_start) * share

    def next_snapshot_at(self, estimated: int) -> datetime:
        """Return when pace and reserve allow a snapshot; at the latest when the next month begins.

        Args:
            estimated: credits that the snapshot is expected to cost.
        """
        return self.next_fetch_at if self.can_spend(estimated) else self.next_month

    def can_spend(
        self, estimated: int, *, down_to_reserve: bool = True, is_history: bool = False
    ) -> bool:
        """Return whether a call fits into the remaining credits.

        Args:
            estimated: credits the call is expected to cost.
            down_to_reserve: True if the reserve must not be spent.
            is_history: whether the call requests history, which must also leave credits for
                snapshots.
        """
        kept = self.reserve if down_to_reserve else 0
        kept = self.kept_from_history if is_history else kept
        return not self.is_limited or self.left - estimated >= kept
