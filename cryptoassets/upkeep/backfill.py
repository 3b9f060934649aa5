"""What is left to do of a stretch of history, read from the stores alone.

What goes here: which days are finished, what the missing calls cost. What stays out: running jobs
(in `cli.backfill`), fetching (in `resources.history`). Dagster's events are never asked.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from cryptoassets.coincap.credits import Budget
from cryptoassets.coincap.history import Range, longest_window, price, windows, within
from cryptoassets.partitions.spans import Span, partitions_in
from cryptoassets.resources.history import HistoryRequest, HistoryResource
from cryptoassets.resources.mongo import MongoResource
from cryptoassets.resources.postgres import PostgresResource
from cryptoassets.schemas import HISTORY_FLOW
from cryptoassets.stores.mongodb import count_in
from cryptoassets.upkeep.gaps import days_with_gaps, detect_gaps
from cryptoassets.upkeep.partitions import ALL_TIME, ledger_rows

CHUNK_DAYS = 7
_DAY = timedelta(days=1)


@dataclass(frozen=True)
class Bill:
    """What calls are expected to cost.

    Attributes:
        groups: (calls, credits) of a coin to how many coins cost that.
        calls: of all coins.
        credits: of all coins, were they metered.
    """

    groups: Counter[tuple[int, int]]
    calls: int
    credits: int

    def months(self, budget: Budget) -> int | None:
        """Calendar months that it takes at the plan; 1: it fits in this one. None: no limit."""
        if not budget.is_limited:
            return None
        rest = self.credits - max(0, budget.left - budget.kept_from_history)
        whole_month = Budget(budget.monthly, 0, budget.month_start)
        a_month = max(1, budget.monthly - whole_month.kept_from_history)
        return 1 + max(0, -(-rest // a_month))


def bill(wanted: Mapping[str, Sequence[Range]], interval: str) -> Bill:
    """Price the calls for what is wanted, in windows of the longest length."""
    groups: Counter[tuple[int, int]] = Counter()
    for ranges in wanted.values():
        asks = windows(ranges, longest_window(interval))
        groups[len(asks), price(asks, interval)] += 1
    calls = sum(calls * coins for (calls, _), coins in groups.items())
    return Bill(groups, calls, sum(cost * coins for (_, cost), coins in groups.items()))


def days_between(since: datetime, until: datetime) -> list[Span]:
    """The UTC days that a stretch touches, oldest first."""
    first = since.replace(hour=0, minute=0, second=0, microsecond=0)
    count = -(-(until - first) // _DAY)
    return partitions_in(Span(first, first + count * _DAY), _DAY)


def chunks(days: Sequence[Span]) -> list[Sequence[Span]]:
    """Cut days into chunks of a week."""
    return [days[place : place + CHUNK_DAYS] for place in range(0, len(days), CHUNK_DAYS)]


def unfinished(
    mongo: MongoResource,
    postgres: PostgresResource,
    wanted: Mapping[str, Sequence[Range]],
    days: Sequence[Span],
) -> list[Span]:
    """The days that are not done: something is to be fetched, or not all of raw is published.

    A day that retention expired is done.
    """
    collection = mongo.lake()[HISTORY_FLOW.raw.name]
    bounds = Span(days[0][0], days[-1][1]) if days else ALL_TIME
    ledger = ledger_rows(postgres, HISTORY_FLOW, bounds)
    left = []
    for day in days:
        row = ledger.get(day[0])
        is_wanted = any(within(ranges, day) for ranges in wanted.values())
        raw_rows = count_in(collection, day)
        is_expired = row is not None and row.expired_at is not None
        if not is_expired and (is_wanted or raw_rows != (row.raw_rows if row else 0)):
            left.append(day)
    return left


def days_to_heal(history: HistoryResource, *, fetches: bool, processes: bool) -> list[Span]:
    """The days whose gaps a run of `history` has something to do about, after a detection.

    Args:
        history: of the settings in force.
        fetches: the run fetches what no answer since the gap's detection covers.
        processes: the run publishes what was fetched and is not published yet.
    """
    mongo, postgres, interval = history.mongo, history.postgres, history.interval
    gaps = detect_gaps(mongo, postgres, interval).open
    if not gaps:
        return []
    since, until = min(gap.start for gap in gaps), max(gap.end for gap in gaps)
    days = days_with_gaps(gaps, (since, until))
    request = HistoryRequest(since, until, until, gaps_only=True)
    wanted = history.wanted(request, until) if fetches else {}
    if processes:
        return unfinished(mongo, postgres, wanted, days)
    return [day for day in days if any(within(ranges, day) for ranges in wanted.values())]


def adjoining(days: Sequence[Span]) -> list[list[Span]]:
    """Put days that follow each other together: each stretch is one run."""
    made: list[list[Span]] = []
    for day in days:
        if made and made[-1][-1][1] == day[0]:
            made[-1].append(day)
        else:
            made.append([day])
    return made
