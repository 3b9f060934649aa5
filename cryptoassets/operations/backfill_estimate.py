"""What `backfill` was asked for, and what it would cost: `backfill --dry-run`.

What goes here: reading the bounds, and the estimate. What stays out: doing it (in `backfill`).
"""

from dataclasses import dataclass
from datetime import UTC, datetime

from cryptoassets.coincap.credits import Budget
from cryptoassets.errors import SettingsError
from cryptoassets.history.request import HistoryRequest
from cryptoassets.history.resource import HistoryResource
from cryptoassets.history.windows import BackfillCost, backfill_cost, closed_until
from cryptoassets.operations.progress import Progress
from cryptoassets.operations.session import Stores, open_stores, start_platform
from cryptoassets.partitions.spans import Span
from cryptoassets.resources.credits import PostgresCreditKeeper

_FIRST = datetime(2018, 1, 1, tzinfo=UTC)


@dataclass(frozen=True)
class BackfillRequest:
    """What a person asked for: from, to (not included), and whether only gaps are meant."""

    since: datetime
    until: datetime
    gaps_only: bool = False

    def request(self, coins: tuple[str, ...] | None = None) -> HistoryRequest:
        """The whole span as a request to the resource."""
        return HistoryRequest(
            self.since, self.until, self.until, coins=coins, gaps_only=self.gaps_only
        )


def backfill_request(since: str, until: str | None, *, gaps_only: bool) -> BackfillRequest:
    """Read the bounds; a date means its first instant, no time zone means UTC.

    Raises:
        SettingsError: a bound cannot be read, or there is nothing between them.
    """
    now = datetime.now(UTC)
    start, end = _moment(since, "--from"), _moment(until, "--to") if until else now
    if start < _FIRST:
        raise SettingsError(f"--from {since} lies before {_FIRST:%Y-%m-%d}: begin there or later")
    if end > now:
        raise SettingsError(f"--to {until} lies ahead: leave it out to go up to now")
    if end <= start:
        raise SettingsError(f"--to {end:%Y-%m-%d %H:%M} is not after --from {start:%Y-%m-%d %H:%M}")
    return BackfillRequest(start, end, gaps_only)


def _moment(text: str, option: str) -> datetime:
    try:
        moment = datetime.fromisoformat(text)
    except ValueError as error:
        raise SettingsError(
            f"{option} {text!r} is no ISO date or time, such as 2026-08-25 or 2026-08-25T12:00"
        ) from error
    return moment.astimezone(UTC) if moment.tzinfo else moment.replace(tzinfo=UTC)


def credit_budget(stores: Stores) -> Budget:
    """The credits of the month."""
    monthly = stores.settings.coincap_monthly_credits
    keeper = PostgresCreditKeeper(stores.postgres.connect, monthly, "history")
    return keeper.budget(datetime.now(UTC))


@dataclass(frozen=True)
class BackfillEstimate:
    """What a backfill would fetch and cost; credits are CoinCap's.

    Attributes:
        coins: how many are asked for.
        cost: of all calls.
        interval: of the points, such as h1.
        months: calendar months that the plan's credits make it take; None: no limit.
        budget: of this month.
        is_number_of_coins_assumed: no snapshot says yet which coins there are.
    """

    coins: int
    cost: BackfillCost
    interval: str
    months: int | None
    budget: Budget
    is_number_of_coins_assumed: bool


def estimate_backfill(progress: Progress, asked: BackfillRequest) -> BackfillEstimate:
    """Estimate what a backfill would fetch and cost; fetches and writes nothing."""
    with start_platform(progress, starts_spark=False), open_stores() as stores:
        history = HistoryResource(mongo=stores.mongo, postgres=stores.postgres)
        until = min(asked.until, closed_until(datetime.now(UTC), history.interval))
        wanted = history.wanted(asked.request(), until)
        is_assumed = not asked.gaps_only and not history.coins()
        if is_assumed:
            count = stores.settings.coincap_coins
            wanted = {f"coin {number}": [Span(asked.since, until)] for number in range(count)}
        cost, budget = backfill_cost(wanted, history.interval), credit_budget(stores)
    months = cost.months(budget)
    return BackfillEstimate(len(wanted), cost, history.interval, months, budget, is_assumed)
