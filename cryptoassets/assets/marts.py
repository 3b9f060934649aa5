"""Marts: daily figures in PostgreSQL, computed by Spark from the warehouse."""

import dagster as dg
import pyarrow as pa
from pyspark.sql import DataFrame

from cryptoassets.assets.descriptions import OWNERS, asset_arguments
from cryptoassets.partitions.policies import DAILY, UP_TO_7_DAYS_PER_RUN
from cryptoassets.schemas import ALTERNATIVE_INPUT, COIN_ALIASES, COIN_DAILY, MARKET_DAILY
from cryptoassets.transforms import marts

# Upstream partitions may not exist: later hours of today, and hours before the platform's start.
_LOOKBACK = dg.TimeWindowPartitionMapping(
    start_offset=-marts.LOOKBACK_DAYS, allow_nonexistent_upstream_partitions=True
)
_PRICES, _HISTORY = "warehouse/coin_prices", "warehouse/coin_price_history"
_ALIASES = dg.AssetKey(["warehouse", "coin_aliases"])
_PRICE = ("price_usd", "observed_at")

coin_aliases = dg.AssetSpec(
    _ALIASES,
    description="Old slugs of coins, which the marts replace by today's slug. Users edit this "
    "table by hand; no run writes it.",
    group_name="warehouse",
    owners=OWNERS,
    kinds={"postgres"},
    metadata={"dagster/table_name": COIN_ALIASES.full_name},
).with_io_manager_key("postgres_io_manager")


def _input_with_alternative(asset: str, other: str) -> dg.AssetIn:
    """An input that may lack the range if the other input has it."""
    key = dg.AssetKey.from_user_string(asset)
    return dg.AssetIn(key=key, partition_mapping=_LOOKBACK, metadata={ALTERNATIVE_INPUT: other})


@dg.asset(
    key_prefix="marts",
    io_manager_key="postgres_io_manager",
    ins={
        "prices": _input_with_alternative(_PRICES, _HISTORY),
        "history": _input_with_alternative(_HISTORY, _PRICES),
        "aliases": dg.AssetIn(key=_ALIASES),
    },
    partitions_def=DAILY,
    backfill_policy=UP_TO_7_DAYS_PER_RUN,
    kinds={"spark", "postgres"},
    **asset_arguments(
        COIN_DAILY,
        group="marts",
        version="2",
        columns_from={
            _PRICES: {
                **dict.fromkeys(COIN_DAILY.column_names, _PRICE),
                "coin_id": ("coin_id",),
                "day": ("observed_at",),
                "volume_usd_24h": ("volume_usd_24h", "observed_at"),
                "market_cap_usd": ("market_cap_usd", "observed_at"),
            },
            _HISTORY: {
                **{
                    name: _PRICE
                    for name in COIN_DAILY.column_names
                    if name not in ("volume_usd_24h", "market_cap_usd")
                },
                "coin_id": ("coin_id",),
                "day": ("observed_at",),
            },
            _ALIASES.to_user_string(): {"coin_id": ("alias", "coin_id")},
        },
    ),
)
def coin_daily(
    context: dg.AssetExecutionContext, prices: DataFrame, history: DataFrame, aliases: pa.Table
) -> DataFrame:
    """Open, high, low, close, return, volatility and drawdown of each coin on the day.

    Computed from snapshots, and from history in hours in which a coin has no snapshot. Old slugs
    count as today's. A range of days reads the lookback days of its first day only once.
    """
    by_alias = dict(zip(*aliases.to_pydict().values(), strict=True))
    daily = marts.coin_daily(prices, history, by_alias)
    first, last = context.partition_key_range
    return daily.where(f"day BETWEEN DATE'{first}' AND DATE'{last}'")


@dg.asset(
    key_prefix="marts",
    io_manager_key="postgres_io_manager",
    ins={"coins": dg.AssetIn(key=["marts", "coin_daily"])},
    partitions_def=DAILY,
    backfill_policy=UP_TO_7_DAYS_PER_RUN,
    kinds={"spark", "postgres"},
    **asset_arguments(
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
    """The whole market on the day: totals, bitcoin's share, gainers and losers."""
    return marts.market_daily(coins)
