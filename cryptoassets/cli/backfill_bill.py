"""What `backfill` was asked for, and what it would cost: `--dry-run`.

What goes here: reading the bounds, and the bill. What stays out: doing it (in `backfill`).
"""

from collections.abc import Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime

from rich.console import Console
from rich.table import Table

from cryptoassets.coincap.credits import Budget
from cryptoassets.embedded import Stack
from cryptoassets.errors import SettingsError
from cryptoassets.history.request import HistoryRequest
from cryptoassets.history.resource import HistoryResource
from cryptoassets.history.windows import backfill_cost, closed_until
from cryptoassets.partitions.spans import Span
from cryptoassets.resources.credits import PostgresCreditKeeper
from cryptoassets.resources.mongo import MongoResource
from cryptoassets.resources.postgres import PostgresResource
from cryptoassets.settings import load_settings

_FIRST = datetime(2018, 1, 1, tzinfo=UTC)


@dataclass(frozen=True)
class Stretch:
    """What a person asked for: from, to (not included), and whether only holes are meant."""

    since: datetime
    until: datetime
    gaps_only: bool = False

    def request(self, coins: tuple[str, ...] | None = None) -> HistoryRequest:
        """The whole of it as a request."""
        return HistoryRequest(
            self.since, self.until, self.until, coins=coins, gaps_only=self.gaps_only
        )


def stretch(since: str, until: str | None, *, gaps_only: bool) -> Stretch:
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
    return Stretch(start, end, gaps_only)


def _moment(text: str, option: str) -> datetime:
    try:
        moment = datetime.fromisoformat(text)
    except ValueError as error:
        raise SettingsError(
            f"{option} {text!r} is no ISO date or time, such as 2026-08-25 or 2026-08-25T12:00"
        ) from error
    return moment.astimezone(UTC) if moment.tzinfo else moment.replace(tzinfo=UTC)


def history_resource() -> HistoryResource:
    """Reads and fetches history by the settings in force."""
    return HistoryResource(mongo=MongoResource(), postgres=PostgresResource())


def credit_budget() -> Budget:
    """The month's credits."""
    monthly = load_settings().coincap_monthly_credits
    keeper = PostgresCreditKeeper(PostgresResource().connect, monthly, "history")
    return keeper.budget(datetime.now(UTC))


def price_backfill(console: Console, asked: Stretch) -> None:
    """Say what a backfill would fetch and cost; nothing is fetched or written."""
    Stack(load_settings(), report=lambda sentence: console.print(f"  {sentence}.")).up()
    history = history_resource()
    until = min(asked.until, closed_until(datetime.now(UTC), history.interval))
    with closing(history.mongo.lake().client):
        wanted = history.wanted(asked.request(), until)
        if not asked.gaps_only and not history.coins():
            count = load_settings().coincap_coins
            wanted = {f"coin {number}": [Span(asked.since, until)] for number in range(count)}
            console.print(f"No snapshot yet says which coins: priced for {count} coins.")
    _print_bill(console, wanted, history.interval)


def _print_bill(console: Console, wanted: Mapping[str, Sequence[Span]], interval: str) -> None:
    costs, budget = backfill_cost(wanted, interval), credit_budget()
    if costs.calls:
        table = Table("coins", "calls each", "credits each", "credits", box=None)
        for (calls, credits_each), coins in sorted(costs.groups.items(), reverse=True):
            row = (coins, calls, credits_each, coins * credits_each)
            table.add_row(*(f"{number:,}" for number in row))
        console.print(table)
    console.print(
        f"{len(wanted):,} coins, {costs.calls:,} calls, about {costs.credits:,} credits of CoinCap "
        f"(interval {interval}). Nothing was fetched.",
        soft_wrap=True,
    )
    months = costs.months(budget)
    if months is None:
        console.print("Your plan has no limit (COINCAP_MONTHLY_CREDITS=0).")
        return
    console.print(
        f"Credits left this month: {budget.left:,} of {budget.monthly:,}. A backfill leaves "
        f"{budget.kept_from_history:,} of them: {budget.reserve:,} in reserve, the rest for "
        f"snapshots until the month ends. It takes {months} calendar "
        f"month{'s' if months != 1 else ''} at this plan. Simulator and replay cost nothing.",
        soft_wrap=True,
    )
