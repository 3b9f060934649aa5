"""Assets for exchanges: as received, judged, and published to PostgreSQL."""

import dagster as dg

from cryptoassets.assets.flow_assets import (
    clean_asset,
    credit_mode,
    published_asset,
    raw_asset,
    skipped_if_past,
)
from cryptoassets.coincap.documents import RawBatch
from cryptoassets.resources.coincap import CoinCapResource
from cryptoassets.resources.failures import dagster_failures
from cryptoassets.stores.clean import CleanFiles
from cryptoassets.stores.raw import MappedRaw, RawRanges
from cryptoassets_tests.extending.toy_flow import CLEAN_EXCHANGES, EXCHANGE_FLOW
from cryptoassets_tests.extending.toy_rules import judge_exchanges


@raw_asset(EXCHANGE_FLOW)
def exchanges(context: dg.AssetExecutionContext, coincap: CoinCapResource) -> RawBatch:
    """The exchanges as received, one document per exchange and response."""
    with dagster_failures():
        skipped = skipped_if_past(context, EXCHANGE_FLOW)
        return skipped or coincap.fetch_listing(EXCHANGE_FLOW, credit_mode(context))


@clean_asset(EXCHANGE_FLOW)
def clean_exchange_volumes(documents: RawRanges) -> MappedRaw:
    """Every raw document of the hour with typed columns, the rules it breaks and its outcome."""
    return documents.mapped(judge_exchanges, CLEAN_EXCHANGES)


@published_asset(EXCHANGE_FLOW)
def exchange_volumes(judged: CleanFiles) -> CleanFiles:
    """Valid volumes of the hour."""
    return judged
