"""Which days of the marts are stale, or depend on prices that changed.

What goes here: the one definition of stale, finding the days that look back on a changed day, and
grouping days into runs. What stays out: the figures (in `transforms.marts`), publication numbers
(in `stores.publications`).
"""

from collections.abc import Collection, Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta

from psycopg import sql

from cryptoassets.resources.postgres import PostgresResource
from cryptoassets.stores.publications import ALIASES_HASH, MARTS
from cryptoassets.transforms.marts import LOOKBACK_DAYS
from cryptoassets.upkeep.partitions import Partition
from cryptoassets.upkeep.stretches import Stretch, stretches

_EXISTING = """
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

# A day whose look-back has partly expired cannot be computed again.
_STALE = """
    WITH inputs AS (
        SELECT asset || ' ' || partition_key AS name, left(partition_key, 10)::date AS day,
            publication, loaded_rows, expired_at
        FROM warehouse.loads WHERE asset = ANY(%(inputs)s)
    ), loads AS (
        SELECT *, partition_key::date AS day FROM warehouse.mart_loads
    ), days AS (
        SELECT day FROM inputs WHERE loaded_rows > 0 AND expired_at IS NULL
        UNION SELECT day FROM loads WHERE asset = 'marts/coin_daily'
    ), versions AS (
        SELECT days.day, bool_or(expired_at IS NOT NULL) AS has_expired,
            jsonb_object_agg(name, publication)
                FILTER (WHERE publication > 0 AND expired_at IS NULL) AS inputs
        FROM days CROSS JOIN generate_series(0, %(lookback_days)s) AS back
        JOIN inputs ON inputs.day = days.day - back
        GROUP BY 1
    ), counts AS (SELECT day, count(*) AS coins FROM marts.coin_daily GROUP BY 1)
    SELECT days.day FROM days
    LEFT JOIN versions USING (day)
    LEFT JOIN loads AS coins ON coins.day = days.day AND coins.asset = 'marts/coin_daily'
    LEFT JOIN loads AS market ON market.day = days.day AND market.asset = 'marts/market_daily'
    LEFT JOIN counts ON counts.day = days.day
    LEFT JOIN marts.market_daily AS there ON there.day = days.day
    WHERE NOT coalesce(has_expired, false) AND (
        coins.inputs IS DISTINCT FROM coalesce(versions.inputs, '{{}}')
        OR coins.aliases_hash IS DISTINCT FROM {aliases_hash}
        OR coins.loaded_rows <> coalesce(counts.coins, 0)
        OR market.inputs IS DISTINCT FROM
            jsonb_build_object('marts/coin_daily ' || coins.partition_key, coins.publication)
        OR market.loaded_rows <> (there.day IS NOT NULL)::int
    )
    ORDER BY 1
"""


@dataclass(frozen=True)
class MartDays:
    """Days of the marts.

    Attributes:
        made: days to compute again, oldest first.
        kept: days that stay unchanged, oldest first, because their look-back has partly expired.
    """

    made: list[date]
    kept: list[date]


def days_to_make(postgres: PostgresResource, touched: Collection[date]) -> MartDays:
    """Return the days whose figures may change: `touched`, and later days that look back on them.

    A later day is included only if the marts already contain it.
    """
    later = {day + timedelta(days=n) for day in touched for n in range(1, LOOKBACK_DAYS + 1)}
    with postgres.connect() as connection:
        existing = connection.execute(_EXISTING, {"days": sorted(later)}).fetchall()
        days = sorted({*touched, *(day for (day,) in existing)})
        looked_at = {day - timedelta(days=n) for day in days for n in range(LOOKBACK_DAYS + 1)}
        expired = connection.execute(_EXPIRED, {"days": sorted(map(str, looked_at))}).fetchall()
    expired_days = {day for (day,) in expired}
    kept = [
        day
        for day in days
        if any(day - timedelta(days=n) in expired_days for n in range(LOOKBACK_DAYS + 1))
    ]
    return MartDays([day for day in days if day not in kept], kept)


def stale_mart_days(postgres: PostgresResource) -> list[date]:
    """Return days whose marts are not made from the current publications and aliases, oldest first.

    A day is also stale if it has prices but no mart, or if its mart lacks rows. Days that look back
    on expired data are left out, because their marts cannot be computed again.
    """
    made_from = MARTS["marts/coin_daily"]
    facts = {"inputs": list(made_from.assets), "lookback_days": made_from.lookback_days}
    query = sql.SQL(_STALE).format(aliases_hash=ALIASES_HASH)
    with postgres.connect() as connection:
        return [day for (day,) in connection.execute(query, facts)]


def stretches_of_marts(postgres: PostgresResource, days: Collection[date]) -> Iterator[Stretch]:
    """Group days into stretches that one run of `marts` can process, oldest first."""
    rows = rows_by_day(postgres, days)
    partitions = [
        Partition(datetime.combine(day, time(), UTC), "marts", timedelta(days=1)) for day in days
    ]
    return stretches(partitions, lambda day: rows.get(day.start.date(), 0))


def rows_by_day(postgres: PostgresResource, days: Collection[date]) -> dict[date, int]:
    """Return the number of published rows of prices and history per day, from the ledger."""
    with postgres.connect() as connection:
        counted = connection.execute(_ROWS, {"days": sorted(map(str, days))})
        return {day: int(rows) for day, rows in counted}
