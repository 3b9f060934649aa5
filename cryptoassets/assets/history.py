"""History: past points as received, judged, and the valid ones in PostgreSQL."""

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
    """History of the top coins as received, one document per coin, interval, point and answer.

    Answered windows are not fetched again. A window may extend beyond the days of the run, because
    one long call costs less than several short ones; all its points are stored.
    """
    window = context.partition_time_window
    with dagster_failures():
        return history.fetch(request_of(window.start, window.end, context.run.tags))


@clean_asset(HISTORY_FLOW)
def clean_coin_price_history(documents: RawRanges) -> MappedRaw:
    """Every raw point of the day with typed columns, the codes of broken rules, and its outcome."""
    return documents.mapped(judge_history, CLEAN_COIN_PRICE_HISTORY)


@published_asset(HISTORY_FLOW)
def coin_price_history(judged: CleanFiles) -> CleanFiles:
    """Valid points of the day; each day is published in a separate transaction.

    Takes all judged rows, as `warehouse/coin_prices` does. In a run over several days, a day whose
    rows do not add up is skipped and named. The other days are published, and the run fails.
    """
    return judged
