"""Declares the asset of a mart that, for each day, reads only rows of the same day.

What goes here: the decorator. What stays out: the asset functions (in each mart's module), and
marts that also read earlier days (in `assets.marts`).
"""

from collections.abc import Mapping

import dagster as dg

from cryptoassets.assets.descriptions import asset_arguments
from cryptoassets.assets.flow_assets import AssetDecorator
from cryptoassets.partitions.policies import DAILY, RANGE_IN_ONE_RUN
from cryptoassets.schemas import Mart, Table, asset_of, flow_of

ONE_DAY = dg.TimeWindowPartitionMapping(allow_nonexistent_upstream_partitions=True)
"""Maps a day to an input's partitions of that day: 24 hours, or the day itself. Hours of today that
have not started yet may be missing."""


def mart_asset(
    mart: Mart,
    *,
    version: str,
    columns_from: Mapping[Table, Mapping[str, tuple[str, ...]]],
) -> AssetDecorator:
    """Return the decorator of a mart's asset.

    The decorated function gets each input as a Spark DataFrame, in a parameter with the name of
    the input's table. It returns a DataFrame or an Arrow table with the columns of the mart.

    Args:
        mart: the mart.
        version: code version; increase it when the same input yields different rows.
        columns_from: column lineage; maps an input to {column: the input's columns}.
    """
    ins = {
        table.name: dg.AssetIn(
            key=dg.AssetKey.from_user_string(asset_of(table)),
            partition_mapping=ONE_DAY if flow_of(table) else None,
        )
        for table in mart.inputs
    }
    lineage = {asset_of(table): columns for table, columns in columns_from.items()}
    return dg.asset(
        name=mart.table.name,
        key_prefix="marts",
        io_manager_key="postgres_io_manager",
        ins=ins,
        partitions_def=DAILY,
        backfill_policy=RANGE_IN_ONE_RUN,
        kinds={"spark", "postgres"},
        **asset_arguments(mart.table, group="marts", version=version, columns_from=lineage),
    )
