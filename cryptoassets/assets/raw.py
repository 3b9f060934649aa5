"""Raw: CoinCap's answers in MongoDB, verbatim."""

from datetime import UTC, datetime, timedelta

import dagster as dg

from cryptoassets.assets.descriptions import described
from cryptoassets.coincap.documents import RawBatch, RawStream
from cryptoassets.history.request import request_of
from cryptoassets.history.resource import HistoryResource
from cryptoassets.partitions.policies import DAILY, HOURLY, RANGE_IN_ONE_RUN
from cryptoassets.resources.coincap import CREDIT_MODE_TAG, CoinCapResource
from cryptoassets.resources.failures import dagster_failures
from cryptoassets.schemas import RAW_COIN_HISTORY, RAW_COIN_SNAPSHOTS

# A run that is launched in the last second of its hour may still fetch; its answer is filed under
# the hour it is stamped with, whichever that is.
LATE_START = timedelta(minutes=1)


@dg.asset(
    key_prefix="raw",
    io_manager_key="mongo_io_manager",
    partitions_def=HOURLY,
    kinds={"python", "mongodb"},
    **described(RAW_COIN_SNAPSHOTS, group="raw", version="1"),
)
def coin_snapshots(context: dg.AssetExecutionContext, coincap: CoinCapResource) -> RawBatch:
    """The top coins of CoinCap as received, one document a coin and answer.

    Only the open hour can be fetched, for CoinCap answers "now" and nothing else: the run of a
    past hour keeps what is there and says so.
    """
    hour = context.partition_time_window
    if not hour.start <= datetime.now(UTC) < hour.end + LATE_START:
        return RawBatch(skipped="past hour: CoinCap answers only for now; kept what is there")
    mode = context.run.tags.get(CREDIT_MODE_TAG)
    with dagster_failures():
        return coincap.fetch_snapshot("down_to_reserve" if mode == "down_to_reserve" else "paced")


@dg.asset(
    key_prefix="raw",
    io_manager_key="mongo_io_manager",
    partitions_def=DAILY,
    backfill_policy=RANGE_IN_ONE_RUN,
    kinds={"python", "mongodb"},
    **described(RAW_COIN_HISTORY, group="raw", version="1"),
)
def coin_history(context: dg.AssetExecutionContext, history: HistoryResource) -> RawStream:
    """History of the top coins as received, one document a coin, interval, point and answer.

    What was answered before is not fetched again. A window may reach beyond the run's days, for
    one long call costs less than several; its points are stored as they are.
    """
    window = context.partition_time_window
    with dagster_failures():
        return history.fetch(request_of(window.start, window.end, context.run.tags))
