"""Combines snapshots with history points of hours without a snapshot.

What goes here: choosing a price if several tables, slugs or intervals have one for the same moment.
What stays out: the figures computed from these prices (in `marts`, `candles`).

Two small Spark queries first check whether there is any history, and whether any snapshot has an
old slug. Usually neither is the case, and a plan that handles both would take three times as long.
"""

from collections.abc import Mapping
from itertools import chain

from pyspark.sql import Column, DataFrame, Window
from pyspark.sql import functions as F

from cryptoassets.schemas.intervals import INTERVAL_MS
from cryptoassets.schemas.lengths import SNAPSHOT_INTERVAL_MS
from cryptoassets.transforms.amounts import exact_product

_SHORTEST_FIRST = sorted(INTERVAL_MS, key=lambda name: INTERVAL_MS[name])
PRICE_COLUMNS = ("coin_id", "observed_at", "price_usd", "volume_usd_24h", "market_cap_usd")
HISTORY_COLUMNS = ("coin_id", "observed_at", "price_usd", "circulating_supply", "interval")


def observations(prices: DataFrame, history: DataFrame, aliases: Mapping[str, str]) -> DataFrame:
    """Combine snapshots and history into one row per coin and instant, under current slugs.

    Args:
        prices: `PRICE_COLUMNS` of `schemas.COIN_PRICES`, unordered; may have more columns.
        history: `HISTORY_COLUMNS` of `schemas.COIN_PRICE_HISTORY`, unordered; may have more.
        aliases: maps old slugs (coin ids) to current slugs, none of which is itself an alias.

    Returns:
        `PRICE_COLUMNS`, `is_snapshot` and `interval_ms` (the interval of a history point; 5 minutes
        for snapshots), unordered. Without history the last two, which would be constants, are left
        out. History is used only for hours in which the coin has no snapshot. The volume of a
        history point is null, and its market cap is price times circulating supply.

        If an old slug and the current slug both have a snapshot for the same instant, or history
        for the same hour, the current slug wins. If several intervals have a point for the same
        instant, the shortest interval wins.
    """
    snapshots = _snapshots(prices, aliases)
    if history.isEmpty():
        return snapshots.select(*PRICE_COLUMNS)
    rows = snapshots.select(
        *PRICE_COLUMNS,
        F.lit(True).alias("is_snapshot"),
        F.lit(SNAPSHOT_INTERVAL_MS).alias("interval_ms"),
    )
    hours_seen = snapshots.select("coin_id", _hour().alias("hour")).distinct()
    filling = _points(history, aliases).join(hours_seen, on=["coin_id", "hour"], how="left_anti")
    return rows.unionByName(
        filling.withColumn("volume_usd_24h", F.lit(None).cast("decimal(38,18)"))
        .withColumn("market_cap_usd", exact_product("price_usd", "circulating_supply"))
        .select(
            *PRICE_COLUMNS,
            F.lit(False).alias("is_snapshot"),
            F.create_map(*map(F.lit, chain(*INTERVAL_MS.items())))[F.col("interval")].alias(
                "interval_ms"
            ),
        )
    )


def _snapshots(prices: DataFrame, aliases: Mapping[str, str]) -> DataFrame:
    if not aliases or prices.where(F.col("coin_id").isin(*aliases)).isEmpty():
        return prices
    renamed = _renamed(prices, aliases)
    # Only coins with an old slug can have two rows per instant, so only their rows are sorted.
    has_alias = F.col("coin_id").isin(*aliases.values())
    at_one_instant = Window.partitionBy("coin_id", "observed_at").orderBy(*_todays_slug_first())
    choice = F.row_number().over(at_one_instant)
    chosen = renamed.where(has_alias).withColumn("choice", choice).where("choice = 1")
    return renamed.where(~has_alias).unionByName(chosen.drop("choice"))


def _points(history: DataFrame, aliases: Mapping[str, str]) -> DataFrame:
    in_one_hour = Window.partitionBy("coin_id", "hour").orderBy(*_todays_slug_first())
    at_one_instant = Window.partitionBy("coin_id", "hour", "observed_at").orderBy(
        F.array_position(F.array(*map(F.lit, _SHORTEST_FIRST)), F.col("interval"))
    )
    return (
        _renamed(history, aliases)
        .withColumn("hour", _hour())
        .withColumn("slug_of_hour", F.first("slug").over(in_one_hour))
        .where("slug = slug_of_hour")
        .withColumn("choice", F.row_number().over(at_one_instant))
        .where("choice = 1")
    )


def _renamed(rows: DataFrame, aliases: Mapping[str, str]) -> DataFrame:
    """Set `coin_id` to the current slug; keep the original as `slug`, and add `is_old_slug`."""
    slug = F.col("slug")
    todays = F.create_map(*map(F.lit, chain(*aliases.items())))[slug] if aliases else F.lit(None)
    return (
        rows.withColumnRenamed("coin_id", "slug")
        .withColumn("coin_id", F.coalesce(todays, slug))
        .withColumn("is_old_slug", slug.isin(*aliases))
    )


def _todays_slug_first() -> tuple[Column, Column]:
    return F.col("is_old_slug"), F.col("slug")


def _hour() -> Column:
    return F.date_trunc("hour", F.col("observed_at"))
