"""Assets for exchange rates: raw, judged and published rates, and the ECB's reference rates."""

from datetime import UTC, datetime

import dagster as dg

from cryptoassets.assets.descriptions import asset_arguments
from cryptoassets.assets.flow_assets import (
    clean_asset,
    credit_mode,
    published_asset,
    raw_asset,
    skipped_if_past,
)
from cryptoassets.coincap.documents import RawBatch
from cryptoassets.resources.coincap import CoinCapResource
from cryptoassets.resources.ecb_rates import refresh_ecb_rates
from cryptoassets.resources.failures import dagster_failures
from cryptoassets.resources.postgres import PostgresResource
from cryptoassets.schemas.flows.rates import CLEAN_FX_RATES, RATES_FLOW
from cryptoassets.schemas.warehouse import ECB_RATES
from cryptoassets.settings import load_settings
from cryptoassets.stores.clean import CleanFiles
from cryptoassets.stores.raw import MappedRaw, RawRanges
from cryptoassets.transforms.rates import judge_rates


@raw_asset(RATES_FLOW)
def rates(context: dg.AssetExecutionContext, coincap: CoinCapResource) -> RawBatch:
    """Rates of `CRYPTOASSETS_CURRENCIES` as received, one document per currency and response.

    Only the current hour can be fetched. A run of a past hour keeps the existing documents.
    """
    with dagster_failures():
        skipped = skipped_if_past(context, RATES_FLOW)
        return skipped or coincap.fetch_listing(RATES_FLOW, credit_mode(context))


@clean_asset(RATES_FLOW)
def clean_fx_rates(documents: RawRanges) -> MappedRaw:
    """Every raw rate of the hour with typed columns, the rules it breaks and its outcome."""
    return documents.mapped(judge_rates, CLEAN_FX_RATES)


@published_asset(RATES_FLOW)
def fx_rates(judged: CleanFiles) -> CleanFiles:
    """Valid rates of the hour; `warehouse.price_in` uses them to convert prices."""
    return judged


@dg.asset(
    key_prefix="warehouse",
    io_manager_key="postgres_io_manager",
    kinds={"postgres"},
    **asset_arguments(ECB_RATES, group="warehouse", version="1"),
)
def ecb_rates(postgres: PostgresResource) -> dg.MaterializeResult[None]:
    """The ECB's daily rates since 1999.

    `warehouse.price_in` uses them if CoinCap's rates of the preceding 24 hours are missing. Reads
    the file in `CRYPTOASSETS_ECB_RATES` when the ECB must have published rates of a new business
    day. The commands `run` and `backfill` do the same without materializing this asset.
    """
    place = load_settings().cryptoassets_ecb_rates
    with dagster_failures():
        changed = refresh_ecb_rates(postgres, place, datetime.now(UTC))
    unset = "CRYPTOASSETS_ECB_RATES is not set"
    skipped = "the rates are up to date" if place else unset
    facts = {"skipped": skipped} if changed is None else {"rates new or changed": changed}
    return dg.MaterializeResult(metadata=facts)
