"""Computes candles from observations.

What goes here: which points count in a candle, and the candle's values. What stays out: choosing
between prices of the same moment (in `observations`), and weekly candles, which are merged from
`marts.coin_daily` when a day is published (in `stores.weeks`).
"""

from collections.abc import Mapping

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from cryptoassets.schemas import CANDLE_MS, COIN_CANDLES
from cryptoassets.transforms.observations import observations

CANDLES_OF_A_DAY = ("h1", "h4", "d1")
MIXED = "mixed"
_MIN_POINTS = 4
"""A history point counts in a candle only if at least this many of its intervals fit into it."""


def coin_candles(prices: DataFrame, history: DataFrame, aliases: Mapping[str, str]) -> DataFrame:
    """Aggregate prices into candles of one hour, four hours and one day.

    Args:
        prices: columns of `schemas.COIN_PRICES`, unordered.
        history: columns of `schemas.COIN_PRICE_HISTORY`, unordered. A point is used only if
            its coin has no snapshot in that hour, and only in candles at least four times as long
            as the point's interval.
        aliases: maps old slugs (coin ids) to current slugs.

    Returns:
        Columns of `schemas.COIN_CANDLES`, unordered. Candles without points are absent.
    """
    observed = observations(prices, history, aliases)
    candle = F.explode(
        F.filter(F.array(*map(_candle, CANDLES_OF_A_DAY)), lambda one: one.isNotNull())
    )
    first, last = F.min_by, F.max_by
    return (
        observed.withColumn("candle", candle)
        .groupBy("coin_id", "candle")
        .agg(
            first("price_usd", "observed_at").alias("open"),
            F.max("price_usd").alias("high"),
            F.min("price_usd").alias("low"),
            last("price_usd", "observed_at").alias("close"),
            F.count("*").alias("points"),
            expected_points(F.col("candle.length_ms")).alias("points_expected"),
            observed_by().alias("source"),
        )
        .select("*", "candle.interval", "candle.start_at")
        .select(*COIN_CANDLES.column_names)
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
    """The candle of an observation; null if the observation does not count in it."""
    length_ms = CANDLE_MS[name]
    length_s = length_ms // 1000
    # Every day has 86,400 seconds in Unix time, so a candle of each length starts at midnight.
    start = F.timestamp_seconds(F.floor(F.unix_timestamp("observed_at") / length_s) * length_s)
    is_counted = F.col("is_snapshot") | (F.col("interval_ms") * _MIN_POINTS <= length_ms)
    return F.when(
        is_counted,
        F.struct(
            F.lit(name).alias("interval"),
            start.alias("start_at"),
            F.lit(length_ms).alias("length_ms"),
        ),
    )
