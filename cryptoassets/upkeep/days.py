"""Finds the days whose marts are stale, or depend on prices that changed.

What goes here: the only definition of stale marts, finding later days whose figures use a changed
day, and grouping days into runs. What stays out: computing figures (in `transforms.marts`),
publication numbers (in `stores.publications`).
"""

from collections.abc import Collection, Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta

from psycopg import sql

from cryptoassets.resources.postgres import PostgresResource
from cryptoassets.schemas import MARTS, Mart
from cryptoassets.schemas.marts.coin_daily import (
    COIN_DAILY_MART,
    DAYS_KEPT_BEFORE,
    DAYS_READ_BACK,
    LOOKBACK_DAYS,
)
from cryptoassets.settings import load_settings
from cryptoassets.stores.mart_inputs import ALIASES_HASH
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

# The marts of a day cannot be computed again if an earlier day that they use has expired.
_STALE = """
    WITH inputs AS (
        SELECT asset, left(partition_key, 10)::date AS day, sum(loaded_rows) AS loaded_rows,
            sum(publication) FILTER (WHERE expired_at IS NULL)::bigint AS number,
            bool_or(expired_at IS NOT NULL) AS has_expired
        FROM warehouse.loads GROUP BY 1, 2
    ), prices AS (
        SELECT * FROM inputs WHERE asset = ANY(%(prices)s)
    ), loads AS (
        SELECT *, partition_key::date AS day FROM warehouse.mart_loads
    ), days AS (
        SELECT day FROM prices WHERE loaded_rows > 0 AND NOT has_expired
        UNION SELECT day FROM loads WHERE asset = 'marts/coin_daily'
    ), versions AS (
        SELECT days.day, bool_or(has_expired) AS has_expired,
            bool_or(has_expired) FILTER (WHERE back <= %(days_read_back)s) AS is_unreadable,
            coalesce(jsonb_object_agg(asset || ' ' || prices.day, number)
                FILTER (WHERE number > 0 AND back <= %(lookback_days)s), '{{}}') AS of_lookback
        FROM days CROSS JOIN generate_series(0, %(days_kept_before)s) AS back
        JOIN prices ON prices.day = days.day - back
        GROUP BY 1
    ), computable AS (
        SELECT days.day, coins.inputs, coins.aliases_hash, of_lookback
        FROM days LEFT JOIN versions USING (day)
        LEFT JOIN loads AS coins ON coins.day = days.day AND coins.asset = 'marts/coin_daily'
        WHERE NOT coalesce(has_expired AND (coins.day IS NOT NULL OR is_unreadable), false)
    ), weeks AS (
        SELECT date_trunc('week', day)::date AS monday, count(DISTINCT coin_id) AS coins
        FROM marts.coin_daily WHERE source IS NOT NULL GROUP BY 1
    ), week_candles AS (
        SELECT (start_at AT TIME ZONE 'UTC')::date AS monday, count(*) AS candles
        FROM marts.coin_candles WHERE interval = 'w1' GROUP BY 1
    )
    SELECT day FROM computable
    WHERE inputs IS DISTINCT FROM coalesce(of_lookback, '{{}}')
        OR aliases_hash IS DISTINCT FROM {aliases_hash}
    UNION SELECT day FROM computable JOIN weeks ON monday = date_trunc('week', day)::date
    LEFT JOIN week_candles USING (monday) WHERE weeks.coins <> coalesce(week_candles.candles, 0)
    {each_mart} ORDER BY 1
"""
# The inputs of `coin_daily`, which also uses earlier days, are compared above; here, only its rows
# are counted.
_STALE_MART = """
    UNION SELECT computable.day FROM computable
    LEFT JOIN loads AS made ON made.day = computable.day AND made.asset = {mart}
    LEFT JOIN (
        SELECT {day} AS day, count(*) AS rows FROM {table} WHERE {is_daily} GROUP BY 1
    ) AS there ON there.day = computable.day
    LEFT JOIN (
        SELECT day, jsonb_object_agg(asset || ' ' || day, number) AS numbers FROM (
            SELECT asset, day, number FROM inputs
            UNION ALL SELECT asset, day, publication FROM loads
        ) AS published WHERE asset = ANY({inputs}) AND number > 0 GROUP BY 1
    ) AS found ON found.day = computable.day
    WHERE made.loaded_rows <> coalesce(there.rows, 0) OR NOT {looks_back} AND (
        made.inputs IS DISTINCT FROM coalesce(numbers, '{{}}')
        OR {has_aliases} AND made.aliases_hash IS DISTINCT FROM {aliases_hash}
    )
"""


@dataclass(frozen=True)
class MartDays:
    """The days whose marts are affected by a change.

    Attributes:
        to_compute: days to compute again, oldest first.
        kept: days that stay as they are because prices that they need have expired; oldest first.
    """

    to_compute: list[date]
    kept: list[date]


def days_to_compute(postgres: PostgresResource, touched: Collection[date]) -> MartDays:
    """Return the days whose figures may change: `touched`, and later days that use these days.

    A later day is included only if the marts already contain it.
    """
    later = {day + timedelta(days=n) for day in touched for n in range(1, LOOKBACK_DAYS + 1)}
    with postgres.connect() as connection:
        found = connection.execute(_EXISTING, {"days": sorted({*touched, *later})}).fetchall()
        existing = {day for (day,) in found}
        days = sorted({*touched, *(existing & later)})
        looked_at = {str(earlier) for day in days for earlier in _days_before(day)}
        expired = connection.execute(_EXPIRED, {"days": sorted(looked_at)}).fetchall()
    expired_days = {day for (day,) in expired}
    kept = [
        day
        for day in days
        if expired_days.intersection(_days_before(day, has_mart=day in existing))
    ]
    return MartDays([day for day in days if day not in kept], kept)


def _days_before(day: date, *, has_mart: bool = True) -> list[date]:
    """Return the day and the earlier days that it needs; a day without a mart needs fewer."""
    needed = DAYS_KEPT_BEFORE if has_mart else DAYS_READ_BACK
    return [day - timedelta(days=n) for n in range(needed + 1)]


def stale_mart_days(postgres: PostgresResource) -> list[date]:
    """Return days whose marts were not computed from the current publications and aliases.

    A day is also stale if it has prices but no mart, or if its marts lack rows. Days before the
    first partition are left out. So are days whose existing marts use expired data, because these
    marts cannot be computed again. Oldest first.
    """
    facts = {
        "prices": list(COIN_DAILY_MART.input_assets),
        "lookback_days": LOOKBACK_DAYS,
        "days_read_back": DAYS_READ_BACK,
        "days_kept_before": DAYS_KEPT_BEFORE,
    }
    each_mart = sql.SQL("").join(map(_stale_mart, MARTS))
    query = sql.SQL(_STALE).format(aliases_hash=ALIASES_HASH, each_mart=each_mart)
    with postgres.connect() as connection:
        stale = [day for (day,) in connection.execute(query, facts)]
    first = load_settings().cryptoassets_since
    return [day for day in stale if day >= first]


def _stale_mart(mart: Mart) -> sql.Composed:
    """Return SQL that selects days whose mart lacks rows or was computed from outdated inputs."""
    time = mart.table.time_column
    of_instant = time is not None and time.type == "timestamptz"
    return sql.SQL(_STALE_MART).format(
        mart=sql.Literal(mart.asset),
        table=sql.Identifier(mart.table.schema, mart.table.name),
        day=sql.SQL("(start_at AT TIME ZONE 'UTC')::date" if of_instant else "day"),
        is_daily=sql.SQL("interval <> 'w1'" if mart.merged else "true"),
        looks_back=sql.Literal(bool(mart.lookback_days)),
        inputs=sql.Literal([*mart.input_assets, *mart.merged_assets]),
        has_aliases=sql.Literal(mart.has_aliases),
        aliases_hash=ALIASES_HASH,
    )


def stretches_of_marts(postgres: PostgresResource, days: Collection[date]) -> Iterator[Stretch]:
    """Group consecutive days into stretches, oldest first, for one run of `marts` per stretch."""
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
