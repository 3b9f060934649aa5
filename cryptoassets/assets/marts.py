"""Assets of the marts: candles and daily figures, computed by Spark from the warehouse."""

from collections.abc import Mapping
from datetime import date, timedelta

import dagster as dg
import pyarrow as pa
import pyarrow.compute as pc
from pyspark.sql import DataFrame

from cryptoassets.assets.descriptions import OWNERS, asset_arguments
from cryptoassets.assets.mart_assets import ONE_DAY, mart_asset
from cryptoassets.partitions.policies import DAILY, RANGE_IN_ONE_RUN
from cryptoassets.schemas import (
    ALTERNATIVE_INPUT,
    COIN_ALIASES,
    COIN_CANDLES,
    COIN_DAILY,
    COLUMNS_OF_INPUT,
    MAY_BE_EMPTY,
    Table,
)
from cryptoassets.schemas.marts.coin_daily import DAYS_READ_BACK, LOOKBACK_DAYS
from cryptoassets.schemas.marts.market_daily import MARKET_DAILY_MART
from cryptoassets.transforms import candles, marts, observations

# Some upstream partitions do not exist: later hours of today, and days before the first day.
_DAY_BEFORE = dg.TimeWindowPartitionMapping(
    start_offset=-DAYS_READ_BACK, allow_nonexistent_upstream_partitions=True
)
_EARLIER = dg.TimeWindowPartitionMapping(
    start_offset=-LOOKBACK_DAYS, end_offset=-1, allow_nonexistent_upstream_partitions=True
)
_PRICES, _HISTORY = "warehouse/coin_prices", "warehouse/coin_price_history"
_ALIASES = dg.AssetKey(["warehouse", "coin_aliases"])
_COIN_DAILY = dg.AssetKey(["marts", "coin_daily"])
_PRICE = ("price_usd", "observed_at")
_PASSED_ON = ("day", "market_cap_usd", "volume_usd_24h", "is_market_cap_derived")

coin_aliases = dg.AssetSpec(
    _ALIASES,
    description="Old slugs of coins, which the marts replace with the current slugs. Users edit "
    "this table by hand; no run writes to it.",
    group_name="warehouse",
    owners=OWNERS,
    kinds={"postgres"},
    metadata={"dagster/table_name": COIN_ALIASES.full_name},
).with_io_manager_key("postgres_io_manager")


def _inputs(mapping: dg.TimeWindowPartitionMapping) -> dict[str, dg.AssetIn]:
    """Inputs of a mart: prices and history (either may be missing), and the aliases."""
    prices, history = (
        dg.AssetIn(
            key=dg.AssetKey.from_user_string(asset),
            partition_mapping=mapping,
            metadata={ALTERNATIVE_INPUT: other, COLUMNS_OF_INPUT: list(columns)},
        )
        for asset, other, columns in (
            (_PRICES, _HISTORY, observations.PRICE_COLUMNS),
            (_HISTORY, _PRICES, observations.HISTORY_COLUMNS),
        )
    )
    return {"prices": prices, "history": history, "aliases": dg.AssetIn(key=_ALIASES)}


def _lineage(
    table: Table, time: str, *, from_prices: Mapping[str, tuple[str, ...]]
) -> dict[str, dict[str, tuple[str, ...]]]:
    """The columns of prices, history and aliases from which each column of a mart is computed."""
    of_price: dict[str, tuple[str, ...]] = dict.fromkeys(table.column_names, _PRICE)
    of_price |= {"coin_id": ("coin_id",), time: ("observed_at",)}
    from_history: dict[str, tuple[str, ...]] = {
        name: ("price_usd", "circulating_supply", "observed_at")
        if "market_cap" in name
        else columns
        for name, columns in of_price.items()
        if name != "volume_usd_24h"
    }
    return {
        _PRICES: {**of_price, **from_prices},
        _HISTORY: from_history,
        _ALIASES.to_user_string(): {"coin_id": ("alias", "coin_id")},
    }


@dg.asset(
    key_prefix="marts",
    io_manager_key="postgres_io_manager",
    ins={
        **_inputs(_DAY_BEFORE),
        "earlier": dg.AssetIn(
            key=_COIN_DAILY,
            partition_mapping=_EARLIER,
            metadata={MAY_BE_EMPTY: True, COLUMNS_OF_INPUT: list(marts.EARLIER_COLUMNS)},
        ),
    },
    partitions_def=DAILY,
    backfill_policy=RANGE_IN_ONE_RUN,
    kinds={"spark", "postgres"},
    **asset_arguments(
        COIN_DAILY,
        group="marts",
        version="3",
        columns_from=_lineage(
            COIN_DAILY,
            "day",
            from_prices={
                name: (source, "observed_at")
                for name, source in (
                    ("volume_usd_24h", "volume_usd_24h"),
                    ("market_cap_usd", "market_cap_usd"),
                    ("is_market_cap_derived", "market_cap_usd"),
                )
            },
        ),
    ),
)
def coin_daily(
    context: dg.AssetExecutionContext,
    prices: DataFrame,
    history: DataFrame,
    aliases: pa.Table,
    earlier: pa.Table,
) -> DataFrame:
    """Open, high, low, close, returns, volatility and drawdown of each coin on the day.

    Computed from snapshots; for hours in which a coin has no snapshot, from history. Old slugs are
    replaced with the current slugs. Reads the prices of the day and the day before; highs and
    closes of earlier days, up to 30 days back, come from this mart's own rows.
    """
    first, last = map(date.fromisoformat, context.partition_key_range)
    read_from = pa.scalar(first - timedelta(days=DAYS_READ_BACK), pa.date32())
    known = earlier.filter(pc.less(earlier["day"], read_from))
    days_before = prices.sparkSession.createDataFrame(known) if known.num_rows else None
    daily = marts.coin_daily(prices, history, _by_alias(aliases), days_before)
    return daily.where(f"day BETWEEN DATE'{first}' AND DATE'{last}'")


@dg.asset(
    key_prefix="marts",
    io_manager_key="postgres_io_manager",
    ins=_inputs(ONE_DAY),
    # When a day is published, PostgreSQL merges the candle of its week from `coin_daily`.
    deps=[_COIN_DAILY],
    partitions_def=DAILY,
    backfill_policy=RANGE_IN_ONE_RUN,
    kinds={"spark", "postgres"},
    **asset_arguments(
        COIN_CANDLES,
        group="marts",
        version="1",
        columns_from=_lineage(COIN_CANDLES, "start_at", from_prices={}),
    ),
)
def coin_candles(prices: DataFrame, history: DataFrame, aliases: pa.Table) -> DataFrame:
    """Candles of each coin: one hour, four hours, one day, and the week that contains the day.

    A history point counts in a candle only if its interval is at most a quarter of the candle's
    length. Nothing is interpolated. The week's candle is merged from `marts/coin_daily` in the
    transaction that publishes the day.
    """
    return candles.coin_candles(prices, history, _by_alias(aliases))


def _by_alias(aliases: pa.Table) -> dict[str, str]:
    return dict(zip(*aliases.to_pydict().values(), strict=True))


@mart_asset(
    MARKET_DAILY_MART,
    version="2",
    columns_from={
        COIN_DAILY: {
            **{name: (name,) for name in _PASSED_ON},
            "coins": ("coin_id",),
            "btc_dominance_pct": ("coin_id", "market_cap_usd"),
            "gainers": ("return_pct",),
            "losers": ("return_pct",),
        }
    },
)
def market_daily(coin_daily: DataFrame) -> DataFrame:
    """The whole market on the day: totals, bitcoin's share, gainers and losers."""
    return marts.market_daily(coin_daily)
