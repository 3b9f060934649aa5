"""What CoinCap's calls cost, and how fast a month's credits may go.

What goes here: pure rules, and the interface through which a client reserves and reports credits.
What stays out: the ledger itself, which is a table of PostgreSQL (in `resources`).
"""

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final, Protocol

from cryptoassets.coincap.protocol import ASSETS_ROUTE, HISTORY_ROUTE, RATES_ROUTE

BYTES_PER_CREDIT = 2_500
BYTES_PER_COIN = 411
"""Of `/assets` in v3, by the 18 credits of 100 coins and the 330 of 2,000."""
BYTES_PER_POINT = 138
"""Of history in v3, by the 41 credits of 720 points and the 17 of 288."""
BYTES_PER_RATE = 130
RESERVE_SHARE = 0.1
SNAPSHOT_SHARE = 0.5
"""Share of the rest of the month's pace that history leaves to snapshots."""

_BYTES_PER_ROW = {
    ASSETS_ROUTE: BYTES_PER_COIN,
    HISTORY_ROUTE: BYTES_PER_POINT,
    RATES_ROUTE: BYTES_PER_RATE,
}


class CreditKeeper(Protocol):
    """Reserves credits before each call and records its cost afterwards; a retry is a call, too."""

    def reserve(self, route: str, estimated: int) -> Any:
        """Set credits aside for one call.

        Args:
            route: the call without parameters, e.g. `/assets/{slug}/history`.
            estimated: credits the call is expected to cost.

        Returns:
            A ticket to hand back to `count`.

        Raises:
            CreditsSpentError: the call must not be made.
        """

    def count(self, ticket: Any, counted: int) -> None:
        """Replace the estimate by what the answer cost; 0 when one of our own servers gave it."""


class _Unmetered:
    """Lets every call pass and remembers nothing."""

    def reserve(self, route: str, estimated: int) -> None:
        """Let the call pass."""

    def count(self, ticket: Any, counted: int) -> None:
        """Forget the call."""


UNMETERED: Final[CreditKeeper] = _Unmetered()


def estimated_credits(route: str, rows: int) -> int:
    """Return the credits that `rows` coins or points of a route are expected to cost."""
    return counted_credits(rows * _BYTES_PER_ROW.get(route, BYTES_PER_COIN))


def counted_credits(body_bytes: int) -> int:
    """Return the credits of one answered call: 1, and 1 per 2,500 bytes begun, uncompressed."""
    return 1 + -(-body_bytes // BYTES_PER_CREDIT)


@dataclass(frozen=True)
class Budget:
    """The credits of one calendar month (UTC) and how much of them is gone.

    Attributes:
        monthly: the plan's credits per month; 0 = no limit.
        spent: credits counted, or reserved, since the month began.
        now: aware time at which the question is asked.
        history: of what is spent, credits of history.
    """

    monthly: int
    spent: int
    now: datetime
    history: int = 0

    @property
    def is_limited(self) -> bool:
        """Whether the plan has a limit at all."""
        return self.monthly > 0

    @property
    def left(self) -> int:
        """Credits left this month, never below 0; 0 without a limit."""
        return max(0, self.monthly - self.spent)

    @property
    def reserve(self) -> int:
        """Credits that this project never spends; they are left for calls by other programs."""
        return int(self.monthly * RESERVE_SHARE)

    @property
    def kept_from_history(self) -> int:
        """Credits that history leaves: the reserve, and half of the pace until the month ends."""
        pace = self.monthly * (1 - self.elapsed_share)
        return self.reserve + int(pace * SNAPSHOT_SHARE)

    @property
    def month_start(self) -> datetime:
        """First instant of this month, UTC."""
        now = self.now.astimezone(UTC)
        return datetime(now.year, now.month, 1, tzinfo=UTC)

    @property
    def next_month(self) -> datetime:
        """First instant of the next month, UTC, when the plan's credits are new."""
        years, month = divmod(self.month_start.month, 12)
        return datetime(self.month_start.year + years, month + 1, 1, tzinfo=UTC)

    @property
    def elapsed_share(self) -> float:
        """How much of the month is over, 0 to 1."""
        return (self.now - self.month_start) / (self.next_month - self.month_start)

    @property
    def is_over_pace(self) -> bool:
        """Whether snapshots spent more than the elapsed part of the month allows.

        What history spends makes the pace slower, and does not stop snapshots until it is made up.
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
        """When the pace has caught up with what is spent: now if it has, at most next month."""
        if not self.is_over_pace:
            return self.now
        share = min(1.0, self._paced_spent / self._paced_monthly)
        return self.month_start + (self.next_month - self.month_start) * share

    def next_snapshot_at(self, estimated: int) -> datetime:
        """When pace and reserve allow a snapshot: now if both do, at most next month.

        Args:
            estimated: credits it is expected to cost.
        """
        return self.next_fetch_at if self.can_spend(estimated) else self.next_month

    def can_spend(
        self, estimated: int, *, down_to_reserve: bool = True, is_history: bool = False
    ) -> bool:
        """Say whether a call fits in what is left.

        Args:
            estimated: credits the call is expected to cost.
            down_to_reserve: leave the reserve untouched; False spends it too.
            is_history: leave what snapshots need as well.
        """
        kept = self.reserve if down_to_reserve else 0
        kept = self.kept_from_history if is_history else kept
        return not self.is_limited or self.left - estimated >= kept
