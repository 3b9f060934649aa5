"""Checks of the marts: whether the values of a candle or a day are consistent."""

from collections.abc import Iterator

import dagster as dg

from cryptoassets.checks.ranges import CheckEvent, by_partition
from cryptoassets.checks.results import daily_check, result
from cryptoassets.partitions.spans import Span
from cryptoassets.resources.postgres import PostgresResource
from cryptoassets.schemas import COIN_CANDLES, COIN_DAILY, Table, asset_of

_NAME = "prices_in_order"
_PROMISE = (
    "The lowest price is above zero, and open and close are between the lowest and the highest "
    "price; there is at least one point, and not more history points than expected"
)
# Snapshots may be more frequent than every 5 minutes, so only history points are limited.
_BROKEN = """
    (low <= 0 OR low > least(open, close) OR high < greatest(open, close) OR {points} < 1
        OR source = 'history' AND {points} > {points}_expected)
"""
# A weekly candle is published again with each of its days, so check the one that contains the day.
_BROKEN_CANDLES = f"""
    SELECT format('%%s %%s of %%s', coin_id, interval,
        to_char(start_at AT TIME ZONE 'UTC', 'YYYY-MM-DD HH24:MI'))
    FROM marts.coin_candles
    WHERE start_at > %(start)s - interval '7 days' AND start_at < %(end)s
        AND (start_at >= %(start)s OR interval = 'w1') AND {_BROKEN.format(points="points")}
    ORDER BY coin_id, start_at, interval LIMIT 1000
"""  # noqa: S608 -- constants only
_BROKEN_DAYS = f"""
    SELECT coin_id FROM marts.coin_daily
    WHERE day = (%(start)s AT TIME ZONE 'UTC')::date AND {_BROKEN.format(points="observations")}
    ORDER BY coin_id LIMIT 1000
"""  # noqa: S608 -- constants only


def _prices_in_order(table: Table, broken: str) -> dg.AssetChecksDefinition:
    """Return the check of a mart; `broken` is SQL that names the rows that break the promise."""
    asset = dg.AssetKey.from_user_string(asset_of(table))

    @dg.multi_asset_check(
        name=f"{table.name}_{_NAME}",
        specs=[daily_check(asset, _NAME, _PROMISE)],
        description="Find rows of the day whose values contradict each other.",
    )
    def check(
        context: dg.AssetCheckExecutionContext, postgres: PostgresResource
    ) -> Iterator[CheckEvent]:
        with postgres.connect() as connection:

            def judge(day: Span) -> Iterator[dg.AssetCheckResult]:
                rows = connection.execute(broken, {"start": day.start, "end": day.end}).fetchall()
                yield result(_NAME, [name for (name,) in rows])

            yield from by_partition(context, asset, judge)

    return check


coin_candles_prices_in_order = _prices_in_order(COIN_CANDLES, _BROKEN_CANDLES)
coin_daily_prices_in_order = _prices_in_order(COIN_DAILY, _BROKEN_DAYS)
