"""Weekly candles, merged from `marts.coin_daily` in the transaction that publishes a day.

What goes here: the SQL. What stays out: the other candles (in `transforms.candles`), and when a
week is merged (in `io_managers.mart_day`).

A week is computed from its seven days, not from prices. This is possible because every observation
counts in a weekly candle: a history point counts if at least four of its intervals fit into the
candle (see `transforms.candles`), and no interval is longer than a day. The week is merged under a
lock, so the candle is correct even if several of its days are published at the same time.
"""

from datetime import date, timedelta

from psycopg import sql

from cryptoassets.schemas import COIN_CANDLES
from cryptoassets.stores.publishing import Changes, Cursor, merge_rows

# If the days of a week have different sources, the source of the week is 'mixed'.
_MERGED = """(
    SELECT coin_id, 'w1' AS interval, {monday}::date::timestamp AT TIME ZONE 'UTC' AS start_at,
        (array_agg(open ORDER BY day))[1] AS open, max(high) AS high, min(low) AS low,
        (array_agg(close ORDER BY day DESC))[1] AS close, sum(observations)::bigint AS points,
        7 * max(observations_expected) AS points_expected,
        CASE WHEN min(source) = max(source) THEN min(source) ELSE 'mixed' END AS source
    FROM marts.coin_daily
    WHERE day >= {monday} AND day < {monday}::date + 7 AND source IS NOT NULL
    GROUP BY coin_id
)"""
_WEEK_SCOPE = "interval = 'w1' AND start_at = {monday}::date::timestamp AT TIME ZONE 'UTC'"


def monday_of(day: date) -> date:
    """The Monday of the week that contains a day."""
    return day - timedelta(days=day.weekday())


def merge_week(cursor: Cursor, day: date) -> Changes:
    """Recompute the weekly candles of the week that contains `day` from `marts.coin_daily`.

    Args:
        cursor: cursor in the publishing transaction, which holds the lock of the week.
        day: any day of the week.
    """
    monday = sql.Literal(monday_of(day))
    return merge_rows(
        cursor,
        COIN_CANDLES,
        sql.SQL(_WEEK_SCOPE).format(monday=monday),
        sql.SQL(_MERGED).format(monday=monday),
    )
