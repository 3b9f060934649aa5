"""What is left to do of a stretch of history, read from the stores alone.

What goes here: which days are finished, and how runs take the others. What stays out: running jobs
(in `cli.backfill`), what the missing calls cost (in `windows`). Dagster's events are never asked.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime

from cryptoassets.history.gaps import days_with_gaps, detect_gaps
from cryptoassets.history.request import HistoryRequest
from cryptoassets.history.resource import HistoryResource
from cryptoassets.partitions.spans import Span, partitions_touching, within
from cryptoassets.resources.mongo import MongoResource
from cryptoassets.resources.postgres import PostgresResource
from cryptoassets.schemas import HISTORY_FLOW
from cryptoassets.stores.ledger import ledger_of
from cryptoassets.stores.mongodb import count_in

CHUNK_DAYS = 7


def days_between(since: datetime, until: datetime) -> list[Span]:
    """The UTC days that a stretch touches, oldest first."""
    return partitions_touching(Span(since, until), HISTORY_FLOW.span)


def chunks(days: Sequence[Span]) -> list[Sequence[Span]]:
    """Cut days into chunks of a week."""
    return [days[place : place + CHUNK_DAYS] for place in range(0, len(days), CHUNK_DAYS)]


def unfinished(
    mongo: MongoResource,
    postgres: PostgresResource,
    wanted: Mapping[str, Sequence[Span]],
    days: Sequence[Span],
) -> list[Span]:
    """The days that are not done: something is to be fetched, or not all of raw is published.

    A day that retention expired is done.
    """
    collection = mongo.lake()[HISTORY_FLOW.raw.name]
    with postgres.connect() as connection:
        ledger = ledger_of(connection.cursor(), HISTORY_FLOW)
    left = []
    for day in days:
        row = ledger.get(day.start)
        is_wanted = any(within(spans, day) for spans in wanted.values())
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
    days = days_with_gaps(gaps, Span(since, until))
    request = HistoryRequest(since, until, until, gaps_only=True)
    wanted = history.wanted(request, until) if fetches else {}
    if processes:
        return unfinished(mongo, postgres, wanted, days)
    return [day for day in days if any(within(spans, day) for spans in wanted.values())]


def adjoining(days: Sequence[Span]) -> list[list[Span]]:
    """Put days that follow each other together: each stretch is one run."""
    made: list[list[Span]] = []
    for day in days:
        if made and made[-1][-1][1] == day[0]:
            made[-1].append(day)
        else:
            made.append([day])
    return made
