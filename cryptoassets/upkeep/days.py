"""Which days of the marts hang on prices that changed.

What goes here: the look-back, backwards, and what one run makes. What stays out: the figures (in
`transforms.marts`).
"""

from collections.abc import Collection, Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta

import dagster as dg

from cryptoassets.resources.postgres import PostgresResource
from cryptoassets.transforms.marts import LOOKBACK_DAYS
from cryptoassets.upkeep.partitions import Partition
from cryptoassets.upkeep.stretches import Stretch, stretches

_STANDING = """
    SELECT DISTINCT day FROM marts.coin_daily
    WHERE day = ANY(%(days)s)
"""
_EXPIRED = """
    SELECT DISTINCT left(partition_key, 10)::date FROM warehouse.loads
    WHERE expired_at IS NOT NULL AND left(partition_key, 10) = ANY(%(days)s)
"""

_ROWS = """
    SELECT left(partition_key, 10)::date, sum(loaded_rows)::bigint FROM warehouse.loads
    WHERE left(partition_key, 10) = ANY(%(days)s) GROUP BY 1
"""

_LOADED = """
    SELECT left(partition_key, 10)::date, max(loaded_at) FROM warehouse.loads
    WHERE loaded_rows > 0 AND expired_at IS NULL
    AND left(partition_key, 10) BETWEEN %(first)s AND %(last)s
    GROUP BY 1
"""
_MARTS = dg.AssetKey(["marts", "coin_daily"])


@dataclass(frozen=True)
class Days:
    """Days of the marts.

    Attributes:
        made: to make again, oldest first.
        kept: left as they are, oldest first: what they look back on has expired in part.
    """

    made: list[date]
    kept: list[date]


def days_to_make(postgres: PostgresResource, touched: Collection[date]) -> Days:
    """The days whose figures may change: those touched, and later ones that look back on them.

    A later day counts only if the marts have it; nobody asked for the others.
    """
    later = {day + timedelta(days=n) for day in touched for n in range(1, LOOKBACK_DAYS + 1)}
    with postgres.connect() as connection:
        standing = connection.execute(_STANDING, {"days": sorted(later)}).fetchall()
        days = sorted({*touched, *(day for (day,) in standing)})
        looked_at = {day - timedelta(days=n) for day in days for n in range(LOOKBACK_DAYS + 1)}
        expired = connection.execute(_EXPIRED, {"days": sorted(map(str, looked_at))}).fetchall()
    gone = {day for (day,) in expired}
    kept = [
        day
        for day in days
        if any(day - timedelta(days=n) in gone for n in range(LOOKBACK_DAYS + 1))
    ]
    return Days([day for day in days if day not in kept], kept)


def days_with_older_marts(
    instance: dg.DagsterInstance, postgres: PostgresResource, first: date, last: date
) -> set[date]:
    """Days, both ends included, whose prices are newer than their marts, or have none."""
    with postgres.connect() as connection:
        bounds = {"first": str(first), "last": str(last)}
        loaded = connection.execute(_LOADED, bounds).fetchall()
    newest = instance.event_log_storage.get_latest_storage_id_by_partition(
        _MARTS, dg.DagsterEventType.ASSET_MATERIALIZATION, {str(day) for day, _ in loaded}
    )
    wanted = dg.AssetRecordsFilter(asset_key=_MARTS, storage_ids=list(newest.values()))
    # Without an id the filter would let all pass.
    records = instance.fetch_materializations(wanted, limit=len(newest)).records if newest else []
    made = {
        record.partition_key: datetime.fromtimestamp(record.timestamp, UTC) for record in records
    }
    return {day for day, at in loaded if str(day) not in made or made[str(day)] < at}


def stretches_of_marts(postgres: PostgresResource, days: Collection[date]) -> Iterator[Stretch]:
    """Cut days into stretches whose prices one run of `marts` reads, oldest first."""
    rows = rows_by_day(postgres, days)
    partitions = [
        Partition(datetime.combine(day, time(), UTC), "marts", timedelta(days=1)) for day in days
    ]
    return stretches(partitions, lambda day: rows.get(day.start.date(), 0))


def rows_by_day(postgres: PostgresResource, days: Collection[date]) -> dict[date, int]:
    """Rows of prices and history that are published of each day, by the ledger."""
    with postgres.connect() as connection:
        counted = connection.execute(_ROWS, {"days": sorted(map(str, days))})
        return {day: int(rows) for day, rows in counted}
