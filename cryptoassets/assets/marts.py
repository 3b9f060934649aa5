"""Marts: daily figures in PostgreSQL, made by Spark from the warehouse."""

import dagster as dg
from pyspark.sql import DataFrame

from cryptoassets.assets.descriptions import described
from cryptoassets.partitions import DAILY
from cryptoassets.schemas import COIN_DAILY, MARKET_DAILY
from cryptoassets.transforms import marts

# Later hours of today do not exist yet, and no hour before the platform's first does.
_LOOKBACK = dg.TimeWindowPartitionMapping(
    start_offset=-marts.LOOKBACK_DAYS, allow_nonexistent_upstream_partitions=True
)
_PRICE = ("price_usd", "observed_at")


@dg.asset(
    key_prefix="marts",
    io_manager_key="postgres_io_manager",
    ins={"prices": dg.AssetIn(key=["warehouse", "coin_prices"], partition_mapping=_LOOKBACK)},
    partitions_def=DAILY,
    kinds={"spark", "postgres"},
    **described(
        COIN_DAILY,
        group="marts",
        version="1",
        columns_from={
            "warehouse/coin_prices": {
                **dict.fromkeys(COIN_DAILY.column_names, _PRICE),
                "coin_id": ("coin_id",),
                "day": ("observed_at",),
                "volume_usd_24h": ("volume_usd_24h", "observed_at"),
                "market_cap_usd": ("market_cap_usd", "observed_at"),
            }
        },
    ),
)
def coin_daily(context: dg.AssetExecutionContext, prices: DataFrame) -> DataFrame:
    """Open, high, low, close, return, volatility and drawdown of each coin on the day."""
    return marts.coin_daily(prices).where(f"day = DATE'{context.partition_key}'")


@dg.asset(
    key_prefix="marts",
    io_manager_key="postgres_io_manager",
    ins={"coins": dg.AssetIn(key=["marts", "coin_daily"])},
    partitions_def=DAILY,
    kinds={"spark", "postgres"},
    **described(
        MARKET_DAILY,
        group="marts",
        version="1",
        columns_from={
            "marts/coin_daily": {
                **{name: (name,) for name in ("day", "market_cap_usd", "volume_usd_24h")},
                "coins": ("coin_id",),
                "btc_dominance_pct": ("coin_id", "market_cap_usd"),
                "gainers": ("return_pct",),
                "losers": ("return_pct",),
            }
        },
    ),
)
def market_daily(coins: DataFrame) -> DataFrame:
    """The whole market on the day: sums, bitcoin's share, gainers and losers."""
    return marts.market_daily(coins)
