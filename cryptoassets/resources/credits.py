"""The ledger `warehouse.credits`: reserves credits before each CoinCap call, then counts them.

What goes here: the bookkeeping, which is safe with concurrent processes. What stays out: what a
call costs, and how fast a month's credits may be spent (in `coincap.credits`).
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

import psycopg

from cryptoassets.coincap.credits import Budget
from cryptoassets.errors import CreditsSpentError, PaceError
from cryptoassets.resources.locks import lock
from cryptoassets.resources.postgres import address_of
from cryptoassets.stores.credit_ledger import read_budget
from cryptoassets.stores.postgres_errors import typed_errors

CreditMode = Literal["paced", "down_to_reserve", "history"]
"""How fast a fetch may spend credits. `paced`, for schedules: no faster than the month passes.
`down_to_reserve`: at any pace. `history`: at any pace, but it leaves snapshots a share of the
credits until the end of the month. No mode spends the reserve."""

_LOCK = "credits"
_LARGER_PLAN = "get a larger plan and raise COINCAP_MONTHLY_CREDITS"


@dataclass(frozen=True)
class CreditTicket:
    """The key of a call's row in the ledger."""

    called_at: datetime
    route: str


class PostgresCreditKeeper:
    """Keeps the ledger of credits in PostgreSQL; create one keeper per fetch.

    The pace is checked only at the first call of a fetch. Otherwise the cost of a snapshot's first
    page could prevent the snapshot's next pages from being fetched.

    Args:
        connect: opens a connection without autocommit, which this class closes.
        monthly: the plan's credits per calendar month (UTC); 0 = no limit.
    """

    def __init__(
        self, connect: Callable[[], psycopg.Connection[Any]], monthly: int, mode: CreditMode
    ) -> None:
        self._connect = connect
        self._monthly = monthly
        self._must_check_pace = mode == "paced"
        self._is_history = mode == "history"

    def reserve(self, route: str, estimated: int) -> CreditTicket:
        """Reserve credits and commit before the call; after a crash, they still count as spent.

        Raises:
            CreditsSpentError: the budget does not allow the call; nothing was reserved.
            StoreError: the ledger cannot be reached or written.
        """
        with (
            self._connect() as connection,
            typed_errors("reserving credits", address_of(connection)),
            connection.transaction(),
        ):
            # One process at a time; otherwise two processes could both spend the last credit.
            lock(connection.cursor(), _LOCK)
            budget = read_budget(connection, self._monthly, _clock(connection))
            self._fail_if_spent(budget, route, estimated)
            called_at = _insert(connection, route, estimated)
        self._must_check_pace = False
        return CreditTicket(called_at, route)

    def count(self, ticket: CreditTicket, counted: int) -> None:
        """Replace the estimate with the call's actual cost; 0 for the simulator and replays.

        Raises:
            StoreError: the ledger cannot be reached; the estimate remains.
        """
        with (
            self._connect() as connection,
            typed_errors("counting credits", address_of(connection)),
            connection.transaction(),
        ):
            connection.execute(
                "UPDATE warehouse.credits SET counted = %s WHERE (called_at, route) = (%s, %s)",
                [counted, ticket.called_at, ticket.route],
            )

    def budget(self, now: datetime) -> Budget:
        """Return the budget of the calendar month (UTC) that contains `now`.

        Raises:
            StoreError: the ledger cannot be reached.
        """
        with (
            self._connect() as connection,
            typed_errors("reading the credits", address_of(connection)),
        ):
            return read_budget(connection, self._monthly, now)

    def _fail_if_spent(self, budget: Budget, route: str, estimated: int) -> None:
        state = f"{budget.spent} of {budget.monthly} credits are spent this month"
        if not budget.can_spend(estimated, is_history=self._is_history):
            kept = f"{budget.reserve} are kept in reserve"
            if self._is_history:
                kept = f"{budget.kept_from_history} are kept for snapshots and in reserve"
            raise CreditsSpentError(
                f"{route} was not called: {state}, the call costs about {estimated}, "
                f"and {kept}. A retry will not help before "
                f"{budget.next_month:%Y-%m-%d} UTC; to fetch earlier, {_LARGER_PLAN}"
            )
        if self._must_check_pace and budget.is_over_pace:
            raise PaceError(
                f"{route} was not called: {state}, which is too many for this day of the month. A "
                f"retry will not help before {budget.next_fetch_at:%Y-%m-%d %H:%M} UTC; fetch less "
                f"often, or {_LARGER_PLAN}"
            )


def _clock(connection: psycopg.Connection[Any]) -> datetime:
    # The server's clock, which also sets the rows' times. Not now(), which returns the start of the
    # transaction, before the wait for the lock.
    rows = connection.execute("SELECT clock_timestamp()").fetchall()
    now: datetime = rows[0][0]
    return now


def _insert(connection: psycopg.Connection[Any], route: str, estimated: int) -> datetime:
    """Insert a call's row; return the row's time, which together with the route is its key."""
    row = None
    while row is None:  # if the clock was set back, an older row may have the same time
        row = connection.execute(
            "INSERT INTO warehouse.credits (called_at, route, estimated) "
            "VALUES (clock_timestamp(), %s, %s) ON CONFLICT DO NOTHING RETURNING called_at",
            [route, estimated],
        ).fetchone()
    called_at: datetime = row[0]
    return called_at
