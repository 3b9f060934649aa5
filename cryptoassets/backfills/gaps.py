"""Detects gaps in the history of coins and lists them in `warehouse.gaps`.

What goes here: comparing the expected points with the existing ones. What stays out: computing the
new state of a row (in `gap_rows`), planning the fetch of gaps (in `plan`, for `backfill --gaps` and
the sensor `heal_gaps`).

A coin's history should be complete from its listing until now, except for the source's lag. A coin
counts as listed from the earliest of these times: its first point, its first snapshot, and the
start of the first window whose call failed. A span before the first point is not a gap if the
source answered that it has no points there.
"""

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import psycopg

from cryptoassets.backfills.book import CallRecords, Responses, read_call_records
from cryptoassets.backfills.gap_rows import CoinGaps, Gap, subtract_spans
from cryptoassets.backfills.windows import closed_until, on_grid, step_of
from cryptoassets.partitions.spans import (
    Span,
    joined,
    partition_around,
    partitions_overlapping,
    uncovered,
    within,
)
from cryptoassets.resources.locks import lock
from cryptoassets.resources.mongo import MongoResource
from cryptoassets.resources.postgres import PostgresResource
from cryptoassets.schemas import HISTORY_FLOW
from cryptoassets.stores.ledger import LedgerRow, ledger_of
from cryptoassets.stores.mongodb import Lake, count_in

_LOCK = "gaps"
_HOLES = """
    WITH points AS (
        SELECT coin_id, observed_at, lead(observed_at, 1, %(closed)s) OVER (
            PARTITION BY coin_id ORDER BY observed_at
        ) AS following
        FROM warehouse.coin_price_history WHERE interval = %(interval)s
    )
    SELECT coin_id, observed_at + %(step)s, following FROM points
    WHERE following > observed_at + %(step)s
"""
_FIRST_POINTS = """
    SELECT coin_id, min(observed_at) FROM warehouse.coin_price_history
    WHERE interval = %(interval)s GROUP BY coin_id
"""
_WRITE = """
    INSERT INTO warehouse.gaps AS there
        (coin_id, interval, gap_start, gap_end, detected_at, healed_at, unfillable)
    VALUES (%(coin_id)s, %(interval)s, %(start)s, %(end)s, %(detected_at)s, %(healed_at)s,
        %(unfillable)s)
    ON CONFLICT (coin_id, interval, gap_start) DO UPDATE SET gap_end = EXCLUDED.gap_end,
        detected_at = EXCLUDED.detected_at, healed_at = EXCLUDED.healed_at,
        unfillable = EXCLUDED.unfillable
    WHERE (there.gap_end, there.detected_at, there.healed_at, there.unfillable) IS DISTINCT FROM
        (EXCLUDED.gap_end, EXCLUDED.detected_at, EXCLUDED.healed_at, EXCLUDED.unfillable)
"""


@dataclass(frozen=True)
class DetectedGaps:
    """The result of a detection: all open gaps, and the gaps that became healed or unfillable."""

    open: list[Gap]
    healed: list[Gap]
    unfillable: list[Gap]


def detect_gaps(
    mongo: MongoResource, postgres: PostgresResource, interval: str, now: datetime | None = None
) -> DetectedGaps:
    """Update `warehouse.gaps` from the existing history; only one process can do so at a time.

    Args:
        mongo: the data lake.
        postgres: the warehouse.
        interval: interval of the history.
        now: aware time; None means the current time.

    Returns:
        All open gaps of the interval, and the gaps that are newly healed or unfillable.
    """
    now = now or datetime.now(UTC)
    lake = mongo.lake()
    with postgres.connect() as connection:
        lock(connection.cursor(), _LOCK)
        calls = read_call_records(lake, interval)
        firsts = _first_points(connection, interval)
        holes = _holes(connection, calls, firsts, interval, closed_until(now, interval))
        ledger = ledger_of(connection.cursor(), HISTORY_FLOW)
        expired = [
            partition_around(start, HISTORY_FLOW.span)
            for start, row in ledger.items()
            if row.expired_at is not None
        ]
        holes = {coin: subtract_spans(spans, expired) for coin, spans in holes.items()}
        before = _listed_gaps(connection, interval)
        processed = _PublishedDays(lake, ledger)
        after: dict[tuple[str, datetime], Gap] = {}
        dropped: list[Gap] = []
        for coin in sorted({*holes, *before}):
            coin_gaps = CoinGaps(
                coin,
                holes.get(coin, []),
                expired,
                calls,
                firsts.get(coin),
                now,
                processed.is_published,
            )
            kept, deleted = coin_gaps.reconcile(before.get(coin, []))
            after |= {(coin, gap.start): gap for gap in kept}
            dropped += deleted
        _write(connection, interval, dropped, after.values())
    known = {(gap.coin_id, gap.start): gap for gaps in before.values() for gap in gaps}
    changed = [gap for key, gap in after.items() if known.get(key) != gap]
    return DetectedGaps(
        open=[gap for gap in after.values() if gap.is_open],
        healed=[gap for gap in changed if gap.healed_at == now],
        unfillable=[gap for gap in changed if gap.unfillable],
    )


class _PublishedDays:
    """Finds out whether the raw points of a day are published, with at most one query per day."""

    def __init__(self, lake: Lake, ledger: Mapping[datetime, LedgerRow]) -> None:
        self._lake = lake
        self._ledger = ledger
        self._known: dict[Span, bool] = {}

    def is_published(self, piece: Span) -> bool:
        """Return whether all raw points of the days that a hole touches are published."""
        return all(map(self._is_day_published, partitions_overlapping(piece, HISTORY_FLOW.span)))

    def _is_day_published(self, day: Span) -> bool:
        if day not in self._known:
            row = self._ledger.get(day.start)
            raw_rows = row.raw_rows if row else 0
            self._known[day] = count_in(self._lake[HISTORY_FLOW.raw.name], day) == raw_rows
        return self._known[day]


def _holes(
    connection: psycopg.Connection[Any],
    calls: CallRecords,
    firsts: Mapping[str, datetime],
    interval: str,
    closed: datetime,
) -> dict[str, list[Span]]:
    """Return the holes of each coin: before its first point, between points, and at the end."""
    parameters = {"interval": interval, "step": step_of(interval), "closed": closed}
    holes: dict[str, list[Span]] = defaultdict(list)
    for coin, start, end in connection.execute(_HOLES, parameters):
        holes[coin].append(Span(start.astimezone(UTC), end.astimezone(UTC)))
    first_seen = dict(
        connection.execute("SELECT coin_id, first_seen_at FROM warehouse.coins").fetchall()
    )
    for coin in {*firsts, *first_seen, *calls.listed}:
        first = firsts.get(coin, closed)
        moments = [
            first,
            *calls.listed.get(coin, []),
            *([first_seen[coin]] if coin in first_seen else []),
        ]
        listed = on_grid(min(moments).astimezone(UTC), interval)
        if listed < first:
            holes[coin] += uncovered(Span(listed, first), calls.before_listing.get(coin, []))
    return {coin: joined(spans) for coin, spans in holes.items()}


def _first_points(connection: psycopg.Connection[Any], interval: str) -> dict[str, datetime]:
    rows = connection.execute(_FIRST_POINTS, {"interval": interval})
    return {coin: moment.astimezone(UTC) for coin, moment in rows}


def _listed_gaps(connection: psycopg.Connection[Any], interval: str) -> dict[str, list[Gap]]:
    rows = connection.execute(
        "SELECT coin_id, gap_start, gap_end, detected_at, healed_at, unfillable "
        "FROM warehouse.gaps WHERE interval = %s ORDER BY coin_id, gap_start",
        [interval],
    )
    gaps: dict[str, list[Gap]] = defaultdict(list)
    for coin, start, end, *facts in rows:
        gaps[coin].append(Gap(coin, start.astimezone(UTC), end.astimezone(UTC), *facts))
    return gaps


def _write(
    connection: psycopg.Connection[Any],
    interval: str,
    dropped: Sequence[Gap],
    after: Collection[Gap],
) -> None:
    with connection.cursor() as cursor:
        cursor.executemany(
            "DELETE FROM warehouse.gaps WHERE coin_id = %s AND interval = %s AND gap_start = %s",
            [(gap.coin_id, interval, gap.start) for gap in dropped],
        )
        cursor.executemany(_WRITE, [{**vars(gap), "interval": interval} for gap in after])


def gaps_to_request(
    connection: psycopg.Connection[Any], interval: str, bounds: Span, responses: Responses
) -> dict[str, list[Span]]:
    """Return, per coin, the parts of open gaps without a response since the gaps were detected."""
    rows = connection.execute(
        "SELECT coin_id, gap_start, gap_end, detected_at FROM warehouse.gaps "
        "WHERE interval = %s AND healed_at IS NULL AND NOT unfillable "
        "AND gap_start < %s AND gap_end > %s ORDER BY coin_id, gap_start",
        [interval, bounds.end, bounds.start],
    ).fetchall()
    missing: dict[str, list[Span]] = defaultdict(list)
    for coin, start, end, detected_at in rows:
        since = [window for window, at in responses.get(coin, ()) if at > detected_at]
        missing[coin] += within(uncovered(Span(start, end), since), bounds)
    return missing


def days_with_gaps(gaps: Sequence[Gap], bounds: Span) -> list[Span]:
    """Return the UTC days within bounds that lack at least one point, oldest first."""
    missing = within([gap.span for gap in gaps], bounds)
    return sorted(
        {day for span in missing for day in partitions_overlapping(span, HISTORY_FLOW.span)}
    )
