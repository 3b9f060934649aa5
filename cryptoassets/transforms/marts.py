"""Daily figures from prices.

What goes here: what an analyst reads. What stays out: which prices are used (in `observations`).
Percentages are computed as doubles and rounded to 9 places. Amounts stay exact decimals.
"""

from collections.abc import Mapping

from pyspark.sql import Column, DataFrame, Window
from pyspark.sql import functions as F

from cryptoassets.schemas import COIN_DAILY, DECIMAL_PRECISION, DECIMAL_SCALE, MARKET_DAILY
from cryptoassets.transforms.observations import observations

RETURNS_OF_VOLATILITY = 7
DAYS_OF_DRAWDOWN = 7
LOOKBACK_DAYS = 7
"""Number of earlier days that `coin_daily` needs: 7 returns need 8 closes."""

_PCT_PLACES = 9
BITCOIN = "bitcoin"


def coin_daily(prices: DataFrame, history: DataFrame, aliases: Mapping[str, str]) -> DataFrame:
    """Aggregate prices to one row per coin and UTC day, for every day that they cover.

    Args:
        prices: columns of `schemas.COIN_PRICES`, unordered.
        history: columns of `schemas.COIN_PRICE_HISTORY`, unordered; used in hours in which the
            coin has no snapshot.
        aliases: maps old slugs to today's.

    Returns:
        Columns of `schemas.COIN_DAILY`, unordered. A day without prices is absent. Volatility and
        drawdown are complete only if the input covers the `LOOKBACK_DAYS` before the day. A return
        needs a price on the day before.
    """
    days = _days(observations(prices, history, aliases))
    by_day = Window.partitionBy("coin_id").orderBy("day")
    previous_close = F.when(
        F.datediff("day", F.lag("day").over(by_day)) == 1, F.lag("close").over(by_day)
    )
    returns = (F.col("close").cast("double") / previous_close.cast("double") - 1) * 100
    day_number = F.datediff("day", F.lit("1970-01-01"))
    last_week = (
        Window.partitionBy("coin_id").orderBy(day_number).rangeBetween(-(DAYS_OF_DRAWDOWN - 1), 0)
    )
    peak = F.max("high").over(last_week).cast("double")
    with_returns = days.withColumn("return_double", returns).withColumn(
        "returns_seen", F.count("return_double").over(last_week)
    )
    volatility = F.when(
        F.col("returns_seen") == RETURNS_OF_VOLATILITY,
        F.stddev_samp("return_double").over(last_week),
    )
    return (
        with_returns.withColumn("return_pct", _percent(F.col("return_double")))
        .withColumn("volatility_7d_pct", _percent(volatility))
        .withColumn("drawdown_pct", _percent((1 - F.col("close").cast("double") / peak) * 100))
        .select(*COIN_DAILY.column_names)
    )


def _days(observed: DataFrame) -> DataFrame:
    first, last = F.min_by, F.max_by
    # History points have neither figure; one at the end of the day must not hide the snapshot's.
    of_snapshot = F.when(F.col("is_snapshot"), F.col("observed_at"))
    return (
        observed.withColumn("day", F.to_date("observed_at"))
        .groupBy("coin_id", "day")
        .agg(
            first("price_usd", "observed_at").alias("open"),
            F.max("price_usd").alias("high"),
            F.min("price_usd").alias("low"),
            last("price_usd", "observed_at").alias("close"),
            last("volume_usd_24h", of_snapshot).alias("volume_usd_24h"),
            last("market_cap_usd", of_snapshot).alias("market_cap_usd"),
            F.count("*").alias("observations"),
        )
    )


def market_daily(coins: DataFrame) -> DataFrame:
    """Aggregate the coins of each day to one row.

    Args:
        coins: columns of `schemas.COIN_DAILY`.

    Returns:
        Columns of `schemas.MARKET_DAILY`, one row per day. A sum with more than 20 digits before
        the decimal point becomes null.
    """
    cap = F.try_sum("market_cap_usd")
    bitcoin_cap = F.max(F.when(F.col("coin_id") == BITCOIN, F.col("market_cap_usd")))
    share = F.try_divide(bitcoin_cap.cast("double"), cap.cast("double")) * 100
    return (
        coins.groupBy("day")
        .agg(
            _amount(cap).alias("market_cap_usd"),
            _amount(F.try_sum("volume_usd_24h")).alias("volume_usd_24h"),
            F.count("*").alias("coins"),
            _percent(share).alias("btc_dominance_pct"),
            F.count_if(F.col("return_pct") > 0).alias("gainers"),
            F.count_if(F.col("return_pct") < 0).alias("losers"),
        )
        .select(*MARKET_DAILY.column_names)
    )


def _amount(value: Column) -> Column:
    return value.try_cast(f"decimal({DECIMAL_PRECISION},{DECIMAL_SCALE})")


def _percent(value: Column) -> Column:
    return _amount(F.round(value, _PCT_PLACES))
