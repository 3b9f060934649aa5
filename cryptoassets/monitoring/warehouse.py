"""What the warehouse records about itself: ledger, newest price, gaps, open alerts, last runs.

What goes here: queries for any role that may read `warehouse`. They read small tables and indexes,
but never scan a table of prices, because `/metrics` runs them every few seconds. What stays out:
credits (in `credits`), what Dagster records (in `last_runs` and `check_results`).

This module imports neither Dagster nor Spark, so that the server of `/metrics` needs little memory.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import psycopg
from psycopg import sql
from psycopg.rows import class_row

from cryptoassets.schemas import Table

Connection = psycopg.Connection[Any]

_NEWEST = """
    SELECT newest AS observed_at, now() - newest AS age
    FROM (SELECT max(observed_at) AS newest FROM {}) AS rows
"""
_OPEN_GAPS = """
    SELECT count(*) AS gaps, count(DISTINCT coin_id) AS coins, min(gap_start) AS first,
        max(gap_end) AS last, min(detected_at) AS detected_at
    FROM warehouse.gaps WHERE interval = %s AND healed_at IS NULL AND NOT unfillable
"""
# The keys of hourly and daily partitions begin with the date, so they can be compared with a date.
_LEDGER = """
    SELECT asset, sum(raw_rows)::bigint AS raw_rows, sum(loaded_rows)::bigint AS loaded_rows,
        sum(quarantined_rows)::bigint AS quarantined_rows,
        sum(superseded_rows)::bigint AS superseded_rows, max(loaded_at) AS loaded_at,
        coalesce(sum(raw_rows) FILTER (WHERE is_recent), 0)::bigint AS recent_raw_rows,
        coalesce(sum(quarantined_rows) FILTER (WHERE is_recent), 0)::bigint
            AS recent_quarantined_rows
    FROM (
        SELECT *, partition_key >= to_char(now() - interval '1 day', 'YYYY-MM-DD') AS is_recent
        FROM warehouse.loads WHERE expired_at IS NULL
    ) AS loads
    GROUP BY asset ORDER BY asset
"""
_MARTS = """
    SELECT asset, sum(loaded_rows)::bigint AS loaded_rows, max(loaded_at) AS loaded_at
    FROM warehouse.mart_loads GROUP BY asset ORDER BY asset
"""
_PUBLICATIONS = "SELECT coalesce(max(publication), 0) FROM warehouse.load_history"
_OPEN_ALERTS = """
    SELECT kind, count(*) FROM warehouse.alerts WHERE cleared_at IS NULL GROUP BY kind
"""
_LAST_RUNS = "SELECT job, outcome, ended_at, duration_seconds FROM warehouse.last_runs ORDER BY job"


@dataclass(frozen=True)
class NewestRow:
    """Market time and age of a table's newest row; both are None if the table is empty.

    The age is computed with PostgreSQL's clock.
    """

    observed_at: datetime | None
    age: timedelta | None


@dataclass(frozen=True)
class OpenGaps:
    """Summary of the gaps in the history that are neither filled nor marked as unfillable.

    Attributes:
        gaps: number of gaps.
        coins: number of coins that have gaps.
        first: time of the first missing point; None if there are no gaps.
        last: time of the first point after the last gap; None if there are no gaps.
        detected_at: when the first of these gaps was detected; None if there are no gaps.
    """

    gaps: int
    coins: int
    first: datetime | None
    last: datetime | None
    detected_at: datetime | None


@dataclass(frozen=True)
class AssetLedger:
    """Totals of the ledger for one asset.

    Attributes:
        loaded_at: time of the newest publication.
        recent_raw_rows: raw documents in the partitions of yesterday and today (UTC).
        recent_quarantined_rows: documents in quarantine from the same partitions.
    """

    asset: str
    raw_rows: int
    loaded_rows: int
    quarantined_rows: int
    superseded_rows: int
    loaded_at: datetime
    recent_raw_rows: int
    recent_quarantined_rows: int


@dataclass(frozen=True)
class MartLedger:
    """Rows of one mart, and the time of its newest publication."""

    asset: str
    loaded_rows: int
    loaded_at: datetime


@dataclass(frozen=True)
class JobRun:
    """A job's last run that has ended; see `schemas.LAST_RUNS`."""

    job: str
    outcome: str
    ended_at: datetime
    duration_seconds: float | None


def newest_row(connection: Connection, table: Table) -> NewestRow:
    """Return time and age of a table's newest row; the table needs an index on `observed_at`."""
    query = sql.SQL(_NEWEST).format(sql.Identifier(table.schema, table.name))
    with connection.cursor(row_factory=class_row(NewestRow)) as cursor:
        return cursor.execute(query).fetchone() or NewestRow(None, None)


def open_gaps(connection: Connection, interval: str) -> OpenGaps:
    """Return a summary of the open gaps in the history of one interval, e.g. `h1`."""
    with connection.cursor(row_factory=class_row(OpenGaps)) as cursor:
        found = cursor.execute(_OPEN_GAPS, [interval]).fetchone()
    return found or OpenGaps(0, 0, None, None, None)


def ledger_totals(connection: Connection) -> list[AssetLedger]:
    """Return the totals of each published asset."""
    with connection.cursor(row_factory=class_row(AssetLedger)) as cursor:
        return cursor.execute(_LEDGER).fetchall()


def mart_totals(connection: Connection) -> list[MartLedger]:
    """Return the rows of each mart."""
    with connection.cursor(row_factory=class_row(MartLedger)) as cursor:
        return cursor.execute(_MARTS).fetchall()


def publications(connection: Connection) -> int:
    """Return the sequence number of the newest publication; 0 if there is none."""
    rows = connection.execute(_PUBLICATIONS).fetchall()
    return int(rows[0][0])


def open_alerts(connection: Connection) -> dict[str, int]:
    """Return the number of open alerts per kind; kinds without open alerts are absent."""
    return dict(connection.execute(_OPEN_ALERTS).fetchall())


def job_runs(connection: Connection) -> list[JobRun]:
    """Return each job's last run that has ended."""
    with connection.cursor(row_factory=class_row(JobRun)) as cursor:
        return cursor.execute(_LAST_RUNS).fetchall()
