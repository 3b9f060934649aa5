"""Warehouse: valid rows in PostgreSQL tables, and rejected documents in the quarantine."""

from datetime import timedelta

import dagster as dg
import pyarrow as pa

from cryptoassets.assets.descriptions import HIGH_PRIORITY, OWNERS, asset_arguments, same_columns
from cryptoassets.partitions.policies import DAILY, HOURLY, RANGE_IN_ONE_RUN, UP_TO_24_HOURS_PER_RUN
from cryptoassets.schemas import COIN_PRICE_HISTORY, COIN_PRICES, COINS, QUARANTINE
from cryptoassets.stores.clean import CleanFiles
from cryptoassets.transforms.coins import COLUMNS_READ, merge_coin_rows, newest_row_per_coin

FRESH_WITHIN = timedelta(minutes=90)
"""Prices older than this mean that the source, the schedule or the machine is down."""

_CLEAN = "clean/coin_prices"


@dg.asset(
    key_prefix="warehouse",
    io_manager_key="postgres_io_manager",
    ins={"judged": dg.AssetIn(key=["clean", "coin_prices"])},
    partitions_def=HOURLY,
    backfill_policy=UP_TO_24_HOURS_PER_RUN,
    kinds={"spark", "postgres"},
    **asset_arguments(
        COINS,
        group="warehouse",
        version="1",
        columns_from={
            _CLEAN: {
                **same_columns(COINS, but=("first_seen_at", "last_seen_at")),
                "first_seen_at": ("observed_at",),
                "last_seen_at": ("observed_at",),
            }
        },
    ),
)
def coins(judged: CleanFiles) -> pa.Table:
    """One row per coin, from its newest valid observation; a range of hours is one merge."""
    return merge_coin_rows(judged.mapped(newest_row_per_coin, COINS, COLUMNS_READ).toArrow())


@dg.asset(
    key_prefix="warehouse",
    io_manager_key="postgres_io_manager",
    ins={"judged": dg.AssetIn(key=["clean", "coin_prices"])},
    partitions_def=HOURLY,
    backfill_policy=UP_TO_24_HOURS_PER_RUN,
    kinds={"spark", "postgres"},
    op_tags=HIGH_PRIORITY,
    **asset_arguments(
        COIN_PRICES,
        group="warehouse",
        version="1",
        fresh_within=FRESH_WITHIN,
        columns_from={_CLEAN: same_columns(COIN_PRICES)},
    ),
)
def coin_prices(judged: CleanFiles) -> CleanFiles:
    """Valid prices of the hour; published with its quarantine and ledger row in one transaction.

    Takes all judged rows: valid ones are published here, quarantined ones in
    `warehouse/quarantine`. So publishing can verify that every raw document ends in exactly one
    place. In a run over several hours, an hour whose rows do not add up is skipped and named. The
    other hours are published, and the run fails.
    """
    return judged


@dg.asset(
    key_prefix="warehouse",
    io_manager_key="postgres_io_manager",
    ins={"judged": dg.AssetIn(key=["clean", "coin_price_history"])},
    partitions_def=DAILY,
    backfill_policy=RANGE_IN_ONE_RUN,
    kinds={"spark", "postgres"},
    **asset_arguments(
        COIN_PRICE_HISTORY,
        group="warehouse",
        version="1",
        columns_from={"clean/coin_price_history": same_columns(COIN_PRICE_HISTORY)},
    ),
)
def coin_price_history(judged: CleanFiles) -> CleanFiles:
    """Valid points of the day; each day is published in a separate transaction.

    Takes all judged rows, as `warehouse/coin_prices` does. In a run over several days, a day whose
    rows do not add up is skipped and named. The other days are published, and the run fails.
    """
    return judged


quarantine = dg.AssetSpec(
    ["warehouse", "quarantine"],
    deps=[dg.AssetKey(["clean", "coin_prices"]), dg.AssetKey(["clean", "coin_price_history"])],
    description="Raw documents that break a rule, with every reason. Publishing "
    "`warehouse/coin_prices` or `warehouse/coin_price_history` writes it in the same transaction.",
    partitions_def=HOURLY,
    group_name="warehouse",
    owners=OWNERS,
    kinds={"postgres"},
    metadata={"dagster/table_name": QUARANTINE.full_name},
)
