"""Computes daily figures from prices.

What goes here: the figures of each coin and of the whole market. What stays out: choosing between
prices of the same moment (in `observations`).

Percentages are computed as doubles and rounded to 9 decimal places. Amounts stay exact decimals.
"""

from collections.abc import Mapping
from math import sqrt

from pyspark.sql import Column, DataFrame, Window, WindowSpec
from pyspark.sql import functions as F

from cryptoassets.schemas import CANDLE_MS, COIN_DAILY, MARKET_DAILY
from cryptoassets.transforms.amounts import AMOUNT
from cryptoassets.transforms.candles import by_hour, expected_points, observed_by
from cryptoassets.transforms.observations import observations

EARLIER_COLUMNS = ("coin_id", "day", "open", "high", "low", "close")
DAYS_OF_DRAWDOWN = 7
DAYS_OF_PEAK = 30

_PCT_PLACES = 9
_DAYS_PER_YEAR = 365
_DAY_US = 86_400_000_000
_HOUR_US = 3_600_000_000
BITCOIN = "bitcoin"


def coin_daily(
    prices: DataFrame,
    history: DataFrame,
    aliases: Mapping[str, str],
    earlier: DataFrame | None = None,
) -> DataFrame:
    """Aggregate prices into one row per coin and UTC day.

    Args:
        prices: `observations.PRICE_COLUMNS`, unordered.
        history: `observations.HISTORY_COLUMNS`, unordered; used only in hours in
            which the coin has no snapshot.
        aliases: maps old slugs (coin ids) to current slugs.
        earlier: `EARLIER_COLUMNS` of `schemas.COIN_DAILY`, unordered; the rows of days before the
            first day of `prices`. These days count in the statistics. They are also returned, but
            with nulls in columns such as `volume_usd_24h`.

    Returns:
        Columns of `schemas.COIN_DAILY`, unordered. Days without prices are absent. Statistics are
        complete only if the input covers the `LOOKBACK_DAYS` before the day. `return_pct` is null
        if the coin has no price on the day before.
    """
    observed = observations(prices, history, aliases)
    days = _days(
        by_hour(observed).unionByName(_prices_24h_before(observed), allowMissingColumns=True)
    )
    if earlier is not None:
        known = earlier.select(*EARLIER_COLUMNS)
        days = days.unionByName(known, allowMissingColumns=True)
    close = F.col("close").cast("double")
    days = days.withColumn("return_double", _change(close, _previous_close()))
    volatility_30d = _volatility(30)
    return days.select(
        *days.columns,
        _percent(F.col("return_double")).alias("return_pct"),
        _percent(_change(close, F.col("price_24h_before").cast("double"))).alias("return_24h_pct"),
        _percent(_volatility(7)).alias("volatility_7d_pct"),
        _percent(volatility_30d).alias("volatility_30d_pct"),
        _percent(volatility_30d * sqrt(_DAYS_PER_YEAR)).alias("volatility_30d_annualized_pct"),
        _percent((1 - close / _peak(DAYS_OF_DRAWDOWN)) * 100).alias("drawdown_pct"),
        _percent(_change(close, _peak(DAYS_OF_PEAK))).alias("drawdown_from_peak_pct"),
    ).select(*COIN_DAILY.column_names)


def _days(hours: DataFrame) -> DataFrame:
    first, last = F.min_by, F.max_by
    # Volume and market cap come from the last snapshot, even if a history point is newer.
    of_snapshot = F.when(F.col("is_snapshot"), F.col("last_at"))
    snapshot_cap = last("market_cap_usd", of_snapshot)
    # On days without a snapshot, use the last history point that has a market cap.
    derived_cap = F.when(~F.some("is_snapshot"), last("market_cap_usd", "market_cap_at"))
    is_derived = F.when(snapshot_cap.isNotNull(), F.lit(False)).when(
        derived_cap.isNotNull(), F.lit(True)
    )
    return (
        hours.withColumn("day", F.to_date("hour"))
        .groupBy("coin_id", "day")
        .agg(
            first("open", "first_at").alias("open"),
            F.max("high").alias("high"),
            F.min("low").alias("low"),
            last("close", "last_at").alias("close"),
            last("price_before", "before_at").alias("price_24h_before"),
            last("volume_usd_24h", of_snapshot).alias("volume_usd_24h"),
            F.coalesce(snapshot_cap, derived_cap).alias("market_cap_usd"),
            is_derived.alias("is_market_cap_derived"),
            F.sum("points").alias("observations"),
            expected_points(F.lit(CANDLE_MS["d1"])).alias("observations_expected"),
            observed_by().alias("source"),
        )
    )


def _prices_24h_before(observed: DataFrame) -> DataFrame:
    """Find the prices 24 to 25 hours before a coin's last observation of each day.

    A window function would find them for every observation, not only for the last one of a day.
    Each time, it would read all observations of an hour: 2 minutes for 2 million observations.

    Returns:
        The columns `coin_id`, `hour` (of that last observation), `before_at` and `price_before`.
    """
    day, at = F.to_date("observed_at"), F.unix_micros("observed_at")
    ends = observed.groupBy("coin_id", day).agg(F.max("observed_at").alias("end"))
    end = F.unix_micros("end")
    # The hour that begins 25 hours before the end may contain midnight, so it may span two days.
    days = [F.to_date(F.timestamp_micros(end - back)) for back in (_DAY_US, _DAY_US + _HOUR_US)]
    wanted = ends.select("coin_id", "end", F.explode(F.array_distinct(F.array(*days))).alias("day"))
    return (
        observed.withColumn("day", day)
        .join(F.broadcast(wanted), on=["coin_id", "day"])
        .where(at.between(end - _DAY_US - _HOUR_US, end - _DAY_US))
        .select(
            "coin_id",
            F.date_trunc("hour", F.col("end")).alias("hour"),
            F.col("observed_at").alias("before_at"),
            F.col("price_usd").alias("price_before"),
        )
    )


def _previous_close() -> Column:
    """The close of the day before; null if that day has no price."""
    by_day = Window.partitionBy("coin_id").orderBy("day")
    is_day_before = F.datediff("day", F.lag("day").over(by_day)) == 1
    return F.when(is_day_before, F.lag("close").over(by_day)).cast("double")


def _volatility(returns: int) -> Column:
    """Sample standard deviation of the daily returns of the last `returns` days.

    Null if any of these days has no return.
    """
    last_days = _last_days(returns)
    is_complete = F.count("return_double").over(last_days) == returns
    return F.when(is_complete, F.stddev_samp("return_double").over(last_days))


def _peak(days: int) -> Column:
    return F.max("high").over(_last_days(days)).cast("double")


def _last_days(days: int) -> WindowSpec:
    day_number = F.datediff("day", F.lit("1970-01-01"))
    return Window.partitionBy("coin_id").orderBy(day_number).rangeBetween(1 - days, 0)


def _change(now: Column, before: Column) -> Column:
    return (now / before - 1) * 100


def market_daily(coins: DataFrame) -> DataFrame:
    """Aggregate the coins of each day into one row.

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
            F.bool_or("is_market_cap_derived").alias("is_market_cap_derived"),
        )
        .select(*MARKET_DAILY.column_names)
    )


def _amount(value: Column) -> Column:
    return value.try_cast(AMOUNT)


def _percent(value: Column) -> Column:
    return _amount(F.round(value, _PCT_PLACES))
