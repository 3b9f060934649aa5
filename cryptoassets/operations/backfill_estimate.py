"""What a `backfill` requests, and the estimated cost that `backfill --dry-run` shows.

What goes here: parsing `--from` and `--to`, and the estimate. What stays out: the backfill itself
(in `backfill`).
"""

from dataclasses import dataclass
from datetime import UTC, datetime

from cryptoassets.backfills.request import HistoryRequest
from cryptoassets.backfills.resource import HistoryResource
from cryptoassets.backfills.windows import BackfillCost, backfill_cost, closed_until
from cryptoassets.coincap.credits import Budget
from cryptoassets.definition_settings import OLDEST_DAY
from cryptoassets.errors import SettingsError
from cryptoassets.operations.progress import Progress
from cryptoassets.operations.session import Stores, open_stores, start_platform
from cryptoassets.partitions.spans import Span
from cryptoassets.resources.credits import PostgresCreditKeeper
from cryptoassets.settings import SourceKind, load_settings


@dataclass(frozen=True)
class BackfillRequest:
    """The time span from `since` to `until` (excluded); with `gaps_only`, only the gaps in it."""

    since: datetime
    until: datetime
    gaps_only: bool = False

    def request(self, coins: tuple[str, ...] | None = None) -> HistoryRequest:
        """Return one request for the span, not divided into partitions."""
        return HistoryRequest(
            self.since, self.until, self.until, coins=coins, gaps_only=self.gaps_only
        )


def backfill_request(since: str | None, until: str | None, *, gaps_only: bool) -> BackfillRequest:
    """Parse the bounds. A date without a time means midnight; a time without a zone is in UTC.

    Args:
        since: start; None (only with `gaps_only`): the first partition.
        until: end, not included; None: now.
        gaps_only: request only the gaps in this range.

    Raises:
        SettingsError: a bound is missing or cannot be read, or the span is empty.
    """
    now, settings = datetime.now(UTC), load_settings()
    first = settings.cryptoassets_since
    if since is None and not gaps_only:
        raise SettingsError(
            "--from is missing: add the start of the history, such as --from 2026-08-25, or add "
            "--gaps to fetch only the gaps"
        )
    start = settings.first_partition if since is None else _moment(since, "--from")
    end = _moment(until, "--to") if until else now
    if start.date() < OLDEST_DAY:
        raise SettingsError(f"--from {since} is before {OLDEST_DAY}: use that date or later")
    if start.date() < first:
        raise SettingsError(
            f"--from {since} is before the first partition, {first}: use that date or later, or "
            f"set CRYPTOASSETS_SINCE={start:%Y-%m-%d} in the environment or in .env"
        )
    if end > now:
        raise SettingsError(f"--to {until} is in the future: omit it to use the current time")
    if end <= start:
        raise SettingsError(f"--to {end:%Y-%m-%d %H:%M} is not after --from {start:%Y-%m-%d %H:%M}")
    return BackfillRequest(start, end, gaps_only)


def _moment(text: str, option: str) -> datetime:
    try:
        moment = datetime.fromisoformat(text)
    except ValueError as error:
        raise SettingsError(
            f"{option} {text!r} is not an ISO date or time, such as 2026-08-25 or 2026-08-25T12:00"
        ) from error
    return moment.astimezone(UTC) if moment.tzinfo else moment.replace(tzinfo=UTC)


def credit_budget(stores: Stores) -> Budget:
    """Read how many of this month's credits are spent."""
    monthly = stores.settings.coincap_monthly_credits
    keeper = PostgresCreditKeeper(stores.postgres.connect, monthly, "history")
    return keeper.budget(datetime.now(UTC))


@dataclass(frozen=True)
class BackfillEstimate:
    """What a backfill would fetch, and how many CoinCap credits it would cost.

    Attributes:
        coins: number of coins.
        cost: cost of all calls.
        interval: interval of the points, such as h1.
        months: number of calendar months whose credits the backfill needs; None: the plan has no
            limit.
        budget: this month's credits.
        is_number_of_coins_assumed: `coins` is the setting COINCAP_COINS, because no snapshot names
            the coins yet.
        source: where the backfill would fetch from; only CoinCap counts credits.
    """

    coins: int
    cost: BackfillCost
    interval: str
    months: int | None
    budget: Budget
    is_number_of_coins_assumed: bool
    source: SourceKind


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
        source = stores.stack.source
    months = cost.months(budget)
    return BackfillEstimate(len(wanted), cost, history.interval, months, budget, is_assumed, source)
