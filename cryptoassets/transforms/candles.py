"""Computes candles from observations.

What goes here: figures of each hour, which points count in a candle, and its values. What stays
out: choosing between prices of the same moment (in `observations`), and weekly candles, which are
merged from `marts.coin_daily` when a day is published (in `stores.weeks`).
"""

from collections.abc import Mapping

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from cryptoassets.schemas import CANDLE_MS, COIN_CANDLES
from cryptoassets.schemas.lengths import SNAPSHOT_INTERVAL_MS
from cryptoassets.transforms.observations import observations

CANDLES_OF_A_DAY = ("h1", "h4", "d1")
MIXED = "mixed"
_MIN_POINTS = 4
"""A history point counts only in candles into which at least this many of its intervals fit."""


def coin_candles(prices: DataFrame, history: DataFrame, aliases: Mapping[str, str]) -> DataFrame:
    """Aggregate prices into candles of one hour, four hours and one day.

    Args:
        prices: `observations.PRICE_COLUMNS`, unordered.
        history: `observations.HISTORY_COLUMNS`, unordered. A point is used only if its coin
            has no snapshot in the same hour, and only in candles at least four times as long as the
            point's interval.
        aliases: maps old slugs (coin ids) to current slugs.

    Returns:
        Columns of `schemas.COIN_CANDLES`, unordered. Candles without points are absent.
    """
    hours = by_hour(observations(prices, history, aliases))
    candle = F.explode(
        F.filter(F.array(*map(_candle, CANDLES_OF_A_DAY)), lambda one: one.isNotNull())
    )
    return (
        hours.withColumn("candle", candle)
        .groupBy("coin_id", "candle")
        .agg(
            F.min_by("open", "first_at").alias("open"),
            F.max("high").alias("high"),
            F.min("low").alias("low"),
            F.max_by("close", "last_at").alias("close"),
            F.sum("points").alias("points"),
            expected_points(F.col("candle.length_ms")).alias("points_expected"),
            observed_by().alias("source"),
        )
        .select("*", "candle.interval", "candle.start_at")
        .select(*COIN_CANDLES.column_names)
    )


def by_hour(observed: DataFrame) -> DataFrame:
    """Aggregate observations by hour, so that no observation is read again for a longer span.

    Grouping by constants would add a second aggregation, which Spark would compile.

    Args:
        observed: the result of `observations`; without `is_snapshot`, all rows are snapshots.

    Returns:
        One row per coin, hour, kind (`is_snapshot`) and `interval_ms`, unordered, with
        - `first_at`, `last_at`: times of the first and the last observation;
        - `open`, `high`, `low`, `close`: prices; `points`: number of observations;
        - `volume_usd_24h`: value of the last observation;
        - `market_cap_usd`, `market_cap_at`: value of the last snapshot, or the last value of
          history that is not null; and its time.
    """
    hour = F.date_trunc("hour", F.col("observed_at")).alias("hour")
    if "is_snapshot" not in observed.columns:
        return observed.groupBy("coin_id", hour).agg(
            *_figures(F.col("observed_at")),
            F.lit(True).alias("is_snapshot"),
            F.lit(SNAPSHOT_INTERVAL_MS).alias("interval_ms"),
        )
    has_cap = F.col("is_snapshot") | F.col("market_cap_usd").isNotNull()
    return observed.groupBy("coin_id", hour, "is_snapshot", "interval_ms").agg(
        *_figures(F.when(has_cap, F.col("observed_at")))
    )


def _figures(cap_at: Column) -> tuple[Column, ...]:
    """The figures of an hour; the market cap is the one of the last `cap_at`."""
    first, last = F.min_by, F.max_by
    return (
        F.min("observed_at").alias("first_at"),
        F.max("observed_at").alias("last_at"),
        first("price_usd", "observed_at").alias("open"),
        F.max("price_usd").alias("high"),
        F.min("price_usd").alias("low"),
        last("price_usd", "observed_at").alias("close"),
        F.count("*").alias("points"),
        last("volume_usd_24h", "observed_at").alias("volume_usd_24h"),
        last("market_cap_usd", cap_at).alias("market_cap_usd"),
        F.max(cap_at).alias("market_cap_at"),
    )


def expected_points(length_ms: Column) -> Column:
    """How many points fit into a length, at the shortest interval of the grouped observations."""
    return F.floor(F.first(length_ms) / F.min("interval_ms"))


def observed_by() -> Column:
    """The kind of the grouped observations: snapshots, history or mixed."""
    return (
        F.when(F.every("is_snapshot"), "snapshots")
        .when(~F.some("is_snapshot"), "history")
        .otherwise(MIXED)
    )


def _candle(name: str) -> Column:
    """The candle of the observations of an hour; null if they do not count in it."""
    length_ms = CANDLE_MS[name]
    length_s = length_ms // 1000
    # Every day has 86,400 seconds in Unix time, so a candle of each length starts at midnight.
    start = F.timestamp_seconds(F.floor(F.unix_timestamp("hour") / length_s) * length_s)
    is_counted = F.col("is_snapshot") | (F.col("interval_ms") * _MIN_POINTS <= length_ms)
    return F.when(
        is_counted,
        F.struct(
            F.lit(name).alias("interval"),
            start.alias("start_at"),
            F.lit(length_ms).alias("length_ms"),
        ),
    )
