"""Clean: every raw document, typed and judged by Spark's tasks and stored as Parquet."""

import dagster as dg

from cryptoassets.assets.descriptions import asset_arguments
from cryptoassets.partitions.policies import DAILY, HOURLY, RANGE_IN_ONE_RUN, UP_TO_24_HOURS_PER_RUN
from cryptoassets.schemas import CLEAN_COIN_PRICE_HISTORY, CLEAN_COIN_PRICES
from cryptoassets.stores.raw import MappedRaw, RawRanges
from cryptoassets.transforms.history import judge_history
from cryptoassets.transforms.prices import judge_prices
from cryptoassets.transforms.rules import HISTORY_FIELDS, SOURCE_FIELDS

_FROM_PAYLOAD = (*SOURCE_FIELDS, "symbol", "name", "explorer", "rank", "reasons", "outcome")
_UNCHANGED = ("raw_id", "coin_id", "observed_at", "fetched_at", "source", "payload")
_LINEAGE = {
    **dict.fromkeys(_FROM_PAYLOAD, ("payload",)),
    **{name: (name,) for name in _UNCHANGED},
}
_HISTORY_LINEAGE = {
    **dict.fromkeys((*HISTORY_FIELDS, "reasons", "outcome"), ("payload",)),
    **{name: (name,) for name in (*_UNCHANGED, "interval")},
}


@dg.asset(
    key_prefix="clean",
    io_manager_key="spark_io_manager",
    ins={"snapshots": dg.AssetIn(key=["raw", "coin_snapshots"])},
    partitions_def=HOURLY,
    backfill_policy=UP_TO_24_HOURS_PER_RUN,
    kinds={"spark", "parquet"},
    **asset_arguments(
        CLEAN_COIN_PRICES,
        group="clean",
        version="1",
        columns_from={"raw/coin_snapshots": _LINEAGE},
    ),
)
def coin_prices(snapshots: RawRanges) -> MappedRaw:
    """Every raw document of the hour with typed columns, the rules it breaks and its outcome.

    In a range, each hour is judged independently, because no rule looks beyond one snapshot.
    """
    return snapshots.mapped(judge_prices, CLEAN_COIN_PRICES)


@dg.asset(
    key_prefix="clean",
    io_manager_key="spark_io_manager",
    ins={"points": dg.AssetIn(key=["raw", "coin_history"])},
    partitions_def=DAILY,
    backfill_policy=RANGE_IN_ONE_RUN,
    kinds={"spark", "parquet"},
    **asset_arguments(
        CLEAN_COIN_PRICE_HISTORY,
        group="clean",
        version="1",
        columns_from={"raw/coin_history": _HISTORY_LINEAGE},
    ),
)
def coin_price_history(points: RawRanges) -> MappedRaw:
    """Every raw point of the day with typed columns, the rules it breaks and its outcome."""
    return points.mapped(judge_history, CLEAN_COIN_PRICE_HISTORY)
