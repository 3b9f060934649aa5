"""Raw: CoinCap's answers in MongoDB, verbatim."""

from datetime import UTC, datetime, timedelta

import dagster as dg

from cryptoassets.assets.descriptions import asset_arguments
from cryptoassets.coincap.documents import RawBatch, RawStream
from cryptoassets.history.request import request_of
from cryptoassets.history.resource import HistoryResource
from cryptoassets.partitions.policies import DAILY, HOURLY, RANGE_IN_ONE_RUN
from cryptoassets.resources.coincap import CREDIT_MODE_TAG, CoinCapResource
from cryptoassets.resources.failures import dagster_failures
from cryptoassets.schemas import RAW_COIN_HISTORY, RAW_COIN_SNAPSHOTS

# A run that is launched in the last second of its hour may still fetch. The answer is stored in the
# partition of its own timestamp.
LATE_START = timedelta(minutes=1)


@dg.asset(
    key_prefix="raw",
    io_manager_key="mongo_io_manager",
    partitions_def=HOURLY,
    kinds={"python", "mongodb"},
    **asset_arguments(RAW_COIN_SNAPSHOTS, group="raw", version="1"),
)
def coin_snapshots(context: dg.AssetExecutionContext, coincap: CoinCapResource) -> RawBatch:
    """The top coins of CoinCap as received, one document per coin and answer.

    Only the current hour can be fetched, because CoinCap only returns current prices. A run of a
    past hour keeps the existing documents and reports that in its metadata.
    """
    hour = context.partition_time_window
    if not hour.start <= datetime.now(UTC) < hour.end + LATE_START:
        return RawBatch(
            skipped="past hour: CoinCap only returns current prices; existing documents were kept"
        )
    mode = context.run.tags.get(CREDIT_MODE_TAG)
    with dagster_failures():
        return coincap.fetch_snapshot("down_to_reserve" if mode == "down_to_reserve" else "paced")


@dg.asset(
    key_prefix="raw",
    io_manager_key="mongo_io_manager",
    partitions_def=DAILY,
    backfill_policy=RANGE_IN_ONE_RUN,
    kinds={"python", "mongodb"},
    **asset_arguments(RAW_COIN_HISTORY, group="raw", version="1"),
)
def coin_history(context: dg.AssetExecutionContext, history: HistoryResource) -> RawStream:
    """History of the top coins as received, one document per coin, interval, point and answer.

    Answered windows are not fetched again. A window may extend beyond the days of the run, because
    one long call costs less than several short ones; all its points are stored.
    """
    window = context.partition_time_window
    with dagster_failures():
        return history.fetch(request_of(window.start, window.end, context.run.tags))
