"""Assets for snapshots: top coins as received, judged and published prices, and the coins."""

import dagster as dg
import pyarrow as pa

from cryptoassets.assets.descriptions import asset_arguments, same_columns
from cryptoassets.assets.flow_assets import (
    clean_asset,
    credit_mode,
    published_asset,
    raw_asset,
    skipped_if_past,
)
from cryptoassets.coincap.documents import RawBatch
from cryptoassets.partitions.policies import HOURLY, RANGE_IN_ONE_RUN
from cryptoassets.resources.coincap import CoinCapResource
from cryptoassets.resources.failures import dagster_failures
from cryptoassets.schemas import CLEAN_COIN_PRICES, COINS, SNAPSHOT_FLOW
from cryptoassets.stores.clean import CleanFiles
from cryptoassets.stores.raw import MappedRaw, RawRanges
from cryptoassets.transforms.coins import COLUMNS_READ, merge_coin_rows, newest_row_per_coin
from cryptoassets.transforms.prices import judge_prices


@raw_asset(SNAPSHOT_FLOW)
def coin_snapshots(context: dg.AssetExecutionContext, coincap: CoinCapResource) -> RawBatch:
    """The top coins of CoinCap as received, one document per coin and response.

    Only the current hour can be fetched, because CoinCap only returns current prices. A run of a
    past hour keeps the existing documents and reports that in its metadata; it fails if there are
    no documents. A run over a range fetches once if the range contains the current hour. Hours
    without documents are not materialized, and the run lists them.
    """
    with dagster_failures():
        skipped = skipped_if_past(context, SNAPSHOT_FLOW)
        return skipped or coincap.fetch_snapshot(credit_mode(context))


@clean_asset(SNAPSHOT_FLOW)
def clean_coin_prices(documents: RawRanges) -> MappedRaw:
    """Every raw document of the hour with typed columns, the rules it breaks and its outcome.

    In a range, each hour is judged independently, because no rule looks beyond one snapshot.
    """
    return documents.mapped(judge_prices, CLEAN_COIN_PRICES)


@dg.asset(
    key_prefix="warehouse",
    io_manager_key="postgres_io_manager",
    ins={"judged": dg.AssetIn(key=["clean", "coin_prices"])},
    kinds={"spark", "postgres"},
    partitions_def=HOURLY,
    backfill_policy=RANGE_IN_ONE_RUN,
    **asset_arguments(
        COINS,
        group="warehouse",
        version="1",
        columns_from={
            "clean/coin_prices": {
                **same_columns(COINS, except_for=("first_seen_at", "last_seen_at")),
                "first_seen_at": ("observed_at",),
                "last_seen_at": ("observed_at",),
            }
        },
    ),
)
def coins(judged: CleanFiles) -> pa.Table:
    """One row per coin, from its newest valid observation; a range of hours is merged at once."""
    return merge_coin_rows(judged.mapped(newest_row_per_coin, COINS, COLUMNS_READ).toArrow())


@published_asset(SNAPSHOT_FLOW)
def coin_prices(judged: CleanFiles) -> CleanFiles:
    """Valid prices of the hour, published in one transaction with quarantine and ledger rows.

    Publishing verifies that every raw document is counted exactly once: as published, quarantined
    or superseded. In a run over several hours, an hour whose counts do not add up is not published;
    all others are. Then the run fails and names the skipped hour.
    """
    return judged
