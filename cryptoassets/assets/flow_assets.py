"""Declares the three assets of a flow: raw, clean and published.

What goes here: decorators, and the rule for when a raw asset may fetch. What stays out: the asset
functions (in each flow's module).
"""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import dagster as dg

from cryptoassets.assets.descriptions import HIGH_PRIORITY, asset_arguments, same_columns
from cryptoassets.coincap.documents import RawBatch
from cryptoassets.errors import PastPartitionError
from cryptoassets.partitions.policies import DAILY, HOURLY, RANGE_IN_ONE_RUN
from cryptoassets.resources.coincap import CREDIT_MODE_TAG
from cryptoassets.resources.credits import CreditMode
from cryptoassets.schemas import Flow, asset_of

LATE_START = timedelta(minutes=1)
"""A run may still fetch this long after the end of its partition, e.g. if it starts in the last
second. Each document is stored in the partition that contains its timestamp."""


AssetDecorator = Callable[[Callable[..., Any]], dg.AssetsDefinition]
"""The type of the decorator that `dg.asset(...)` returns."""


def raw_asset(flow: Flow) -> AssetDecorator:
    """Return the decorator of the asset that fetches a flow's documents."""
    return dg.asset(
        name=flow.raw.name,
        key_prefix="raw",
        io_manager_key="mongo_io_manager",
        kinds={"python", "mongodb"},
        partitions_def=_partitions(flow),
        backfill_policy=RANGE_IN_ONE_RUN,
        **asset_arguments(flow.raw, group="raw", version="1"),
    )


def clean_asset(flow: Flow) -> AssetDecorator:
    """Return the decorator of a flow's clean asset: one judged row per raw document.

    A judged row lists the rules that the document breaks, and its outcome. The decorated function's
    parameter must be named `documents`. In the column lineage, columns that the raw table does not
    have come from `payload`.
    """
    lineage = {
        name: (name,) if name in flow.raw.column_names else ("payload",)
        for name in flow.clean.column_names
    }
    return dg.asset(
        name=flow.clean.name,
        key_prefix="clean",
        io_manager_key="spark_io_manager",
        ins={"documents": dg.AssetIn(key=["raw", flow.raw.name])},
        kinds={"spark", "parquet"},
        partitions_def=_partitions(flow),
        backfill_policy=RANGE_IN_ONE_RUN,
        **asset_arguments(
            flow.clean, group="clean", version="1", columns_from={asset_of(flow.raw): lineage}
        ),
    )


def published_asset(flow: Flow) -> AssetDecorator:
    """Return the decorator of a flow's published asset, which contains the valid rows.

    The decorated function's parameter must be named `judged`. It contains all judged rows, not only
    the valid rows, because publishing verifies that every raw document is counted exactly once: as
    published, quarantined (in `warehouse/quarantine`) or superseded. In a run over several
    partitions, a partition whose counts do not add up is not published; all others are. Then the
    run fails with an error that names the skipped partition.
    """
    return dg.asset(
        name=flow.published.name,
        key_prefix="warehouse",
        io_manager_key="postgres_io_manager",
        ins={"judged": dg.AssetIn(key=["clean", flow.clean.name])},
        kinds={"spark", "postgres"},
        op_tags=HIGH_PRIORITY,
        partitions_def=_partitions(flow),
        backfill_policy=RANGE_IN_ONE_RUN,
        **asset_arguments(
            flow.published,
            group="warehouse",
            version="1",
            fresh_within=flow.fresh_within,
            columns_from={asset_of(flow.clean): same_columns(flow.published)},
        ),
    )


def skipped_if_past(context: dg.AssetExecutionContext, flow: Flow) -> RawBatch | None:
    """Return an empty batch if all partitions of the run are in the past; otherwise None.

    With this batch, the run fails if none of its partitions has a document.
    """
    window = context.partition_time_window
    if window.start <= datetime.now(UTC) < window.end + LATE_START:
        return None
    skipped = f"past {flow.unit}: CoinCap only returns current prices; existing documents were kept"
    start, end = (f"{moment:%Y-%m-%dT%H:%M}" for moment in (window.start, window.end))
    remedy = (
        f"; `cryptoassets backfill --from {start} --to {end}` fetches its prices"
        if flow.feeds_marts
        else ""
    )
    message = (
        f"raw/{flow.raw.name} has no document from {start} to {end} (UTC), and this past "
        f"{flow.unit} cannot be fetched any more{remedy}. A retry will not help"
    )
    return RawBatch(skipped=skipped, if_empty=PastPartitionError(message))


def credit_mode(context: dg.AssetExecutionContext) -> CreditMode:
    """Return the credit mode from the run's tags: how fast the run may spend credits."""
    mode = context.run.tags.get(CREDIT_MODE_TAG)
    return "down_to_reserve" if mode == "down_to_reserve" else "paced"


def _partitions(flow: Flow) -> dg.TimeWindowPartitionsDefinition:
    return HOURLY if flow.is_hourly else DAILY
