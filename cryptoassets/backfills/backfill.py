"""Finds the remaining work of a backfill by reading MongoDB and PostgreSQL.

What goes here: finding unfinished days, and grouping them into runs. What stays out: running jobs
(in `operations.backfill`), the cost of the calls that are still needed (in `windows`). Dagster's
events are not used.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime

from cryptoassets.backfills.gaps import days_with_gaps, detect_gaps
from cryptoassets.backfills.request import HistoryRequest
from cryptoassets.backfills.resource import HistoryResource
from cryptoassets.partitions.spans import Span, partitions_overlapping, within
from cryptoassets.resources.mongo import MongoResource
from cryptoassets.resources.postgres import PostgresResource
from cryptoassets.schemas import HISTORY_FLOW
from cryptoassets.settings import load_settings
from cryptoassets.stores.ledger import ledger_of
from cryptoassets.stores.mongodb import count_in

CHUNK_DAYS = 7


def days_between(since: datetime, until: datetime) -> list[Span]:
    """Return the UTC days that overlap a time range, oldest first."""
    return partitions_overlapping(Span(since, until), HISTORY_FLOW.span)


def chunks(days: Sequence[Span]) -> list[Sequence[Span]]:
    """Split days into chunks of up to 7 days."""
    return [days[place : place + CHUNK_DAYS] for place in range(0, len(days), CHUNK_DAYS)]


def unfinished(
    mongo: MongoResource,
    postgres: PostgresResource,
    wanted: Mapping[str, Sequence[Span]],
    days: Sequence[Span],
) -> list[Span]:
    """Return the days that overlap a wanted span or have raw documents that are not published.

    A day that retention has deleted counts as finished.

    Args:
        mongo: the data lake.
        postgres: the warehouse.
        wanted: the spans that still have to be requested, by coin.
        days: the days to check.
    """
    collection = mongo.lake()[HISTORY_FLOW.raw.name]
    with postgres.connect() as connection:
        ledger = ledger_of(connection.cursor(), HISTORY_FLOW)
    unfinished_days = []
    for day in days:
        row = ledger.get(day.start)
        is_wanted = any(within(spans, day) for spans in wanted.values())
        raw_rows = count_in(collection, day)
        is_expired = row is not None and row.expired_at is not None
        if not is_expired and (is_wanted or raw_rows != (row.raw_rows if row else 0)):
            unfinished_days.append(day)
    return unfinished_days


def days_to_heal(history: HistoryResource, *, fetches: bool, processes: bool) -> list[Span]:
    """Detect gaps and return the days for which a run of the job `history` has work to do.

    Args:
        history: gives access to the stores.
        fetches: whether the run fetches. If so, the result includes days with gaps for which the
            source has not answered since the gaps were detected.
        processes: whether the run publishes. If so, the result includes days with gaps that also
            have unpublished documents.
    """
    mongo, postgres, interval = history.mongo, history.postgres, history.interval
    gaps = detect_gaps(mongo, postgres, interval).open
    if not gaps:
        return []
    since, until = min(gap.start for gap in gaps), max(gap.end for gap in gaps)
    # Dagster cannot run days before the first partition.
    since = max(since, load_settings().first_partition)
    days = days_with_gaps(gaps, Span(since, until)) if since < until else []
    request = HistoryRequest(since, until, until, gaps_only=True)
    wanted = history.wanted(request, until) if fetches else {}
    if processes:
        return unfinished(mongo, postgres, wanted, days)
    return [day for day in days if any(within(spans, day) for spans in wanted.values())]


def group_consecutive(days: Sequence[Span]) -> list[list[Span]]:
    """Group consecutive days; one run processes each group."""
    groups: list[list[Span]] = []
    for day in days:
        if groups and groups[-1][-1][1] == day[0]:
            groups[-1].append(day)
        else:
            groups.append([day])
    return groups
