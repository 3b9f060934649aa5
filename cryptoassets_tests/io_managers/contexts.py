"""Writes and reads partitions as Dagster does, but without running assets.

What goes here: contexts with the real keys and partitions. What stays out: values (in `rows`).
"""

from typing import Any

import dagster as dg
from pyspark.sql import DataFrame

from cryptoassets.partitions.policies import DAILY, HOURLY

RAW = dg.AssetKey(["raw", "coin_snapshots"])
CLEAN = dg.AssetKey(["clean", "coin_prices"])
COINS = dg.AssetKey(["warehouse", "coins"])
PRICES = dg.AssetKey(["warehouse", "coin_prices"])
QUARANTINE = dg.AssetKey(["warehouse", "quarantine"])
COIN_DAILY = dg.AssetKey(["marts", "coin_daily"])


def partitions_of(partition: str) -> dg.TimeWindowPartitionsDefinition:
    """The partition definition to which a key belongs."""
    return HOURLY if ":" in partition else DAILY


def write(
    io_manager: dg.ConfigurableIOManager,
    key: dg.AssetKey,
    partition: str,
    value: Any,
    *,
    run_id: str = "run",
) -> dg.OutputContext:
    """Store a value as an asset's output; return the context with everything that was logged."""
    context = dg.build_output_context(
        asset_key=key,
        partition_key=partition,
        asset_partitions_def=partitions_of(partition),
        run_id=run_id,
    )
    with context:
        io_manager.handle_output(context, value)
    return context


def read(io_manager: dg.ConfigurableIOManager, key: dg.AssetKey, partition: str, form: Any) -> Any:
    """Load a partition as the input of a downstream asset whose annotation is `form`.

    A DataFrame is read within the run, as an asset would do, and returned as an Arrow table.
    """
    loaded: list[Any] = []

    def reader(rows: Any) -> None:
        loaded.append(rows.toArrow() if isinstance(rows, DataFrame) else rows)

    reader.__annotations__["rows"] = form
    partitions_def = partitions_of(partition)
    downstream = dg.asset(ins={"rows": dg.AssetIn(key=key)}, partitions_def=partitions_def)(reader)
    upstream = dg.AssetSpec(
        key, partitions_def=partitions_def, metadata={"dagster/io_manager_key": "store"}
    )
    dg.materialize([downstream, upstream], partition_key=partition, resources={"store": io_manager})
    return loaded[0]


def logged(context: dg.OutputContext) -> dict[str, Any]:
    """The metadata that a write reported, as plain values."""
    return {name: value.value for name, value in context.get_logged_metadata().items()}


def materializations(context: dg.OutputContext) -> dict[tuple[str, str | None], dict[str, Any]]:
    """Further materializations that a write logged; maps asset and partition to metadata."""
    return {
        (event.asset_key.to_user_string(), event.partition): {
            name: value.value for name, value in event.metadata.items()
        }
        for event in context.get_logged_events()
        if isinstance(event, dg.AssetMaterialization)
    }
