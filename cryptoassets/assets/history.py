"""Assets for the price history: points as received, judged, and published to PostgreSQL."""

import dagster as dg

from cryptoassets.assets.flow_assets import clean_asset, published_asset, raw_asset
from cryptoassets.backfills.request import request_of
from cryptoassets.backfills.resource import HistoryResource
from cryptoassets.coincap.documents import RawStream
from cryptoassets.resources.failures import dagster_failures
from cryptoassets.schemas import CLEAN_COIN_PRICE_HISTORY, HISTORY_FLOW
from cryptoassets.stores.clean import CleanFiles
from cryptoassets.stores.raw import MappedRaw, RawRanges
from cryptoassets.transforms.history import judge_history


@raw_asset(HISTORY_FLOW)
def coin_history(context: dg.AssetExecutionContext, history: HistoryResource) -> RawStream:
    """History of the top coins as received, one document per coin, interval, point and response.

    Each call requests a window of time; windows that CoinCap has answered are not requested again.
    A window may extend beyond the days of the run, because one call for a long window costs less
    than several calls for short ones. All points that are received are stored.
    """
    window = context.partition_time_window
    with dagster_failures():
        return history.fetch(request_of(window.start, window.end, context.run.tags))


@clean_asset(HISTORY_FLOW)
def clean_coin_price_history(documents: RawRanges) -> MappedRaw:
    """Every raw point of the day with typed columns, the rules it breaks and its outcome."""
    return documents.mapped(judge_history, CLEAN_COIN_PRICE_HISTORY)


@published_asset(HISTORY_FLOW)
def coin_price_history(judged: CleanFiles) -> CleanFiles:
    """Valid points of the day; each day is published in a separate transaction.

    Publishing verifies that every raw point is counted exactly once: as published, quarantined or
    superseded. In a run over several days, a day whose counts do not add up is not published; all
    others are. Then the run fails and names the skipped day.
    """
    return judged
