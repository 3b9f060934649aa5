"""Warehouse: what is valid, in PostgreSQL; what is not, in quarantine beside it."""

from datetime import timedelta

import dagster as dg
import pyarrow as pa

from cryptoassets.assets.descriptions import FIRST, OWNERS, described, same_columns
from cryptoassets.partitions.policies import DAILY, HOURLY, RANGE_IN_ONE_RUN, UP_TO_24_HOURS_PER_RUN
from cryptoassets.schemas import COIN_PRICE_HISTORY, COIN_PRICES, COINS, QUARANTINE
from cryptoassets.stores.clean import CleanFiles
from cryptoassets.transforms.coins import COLUMNS_READ, merge_coin_rows, newest_row_per_coin

FRESH_WITHIN = timedelta(minutes=90)
"""Two hours begun without a snapshot: the source, the schedule or the laptop was off."""

_CLEAN = "clean/coin_prices"


@dg.asset(
    key_prefix="warehouse",
    io_manager_key="postgres_io_manager",
    ins={"judged": dg.AssetIn(key=["clean", "coin_prices"])},
    partitions_def=HOURLY,
    backfill_policy=UP_TO_24_HOURS_PER_RUN,
    kinds={"spark", "postgres"},
    **described(
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
    """One row a coin as its newest valid observation describes it; a range is one merge."""
    return merge_coin_rows(judged.mapped(newest_row_per_coin, COINS, COLUMNS_READ).toArrow())


@dg.asset(
    key_prefix="warehouse",
    io_manager_key="postgres_io_manager",
    ins={"judged": dg.AssetIn(key=["clean", "coin_prices"])},
    partitions_def=HOURLY,
    backfill_policy=UP_TO_24_HOURS_PER_RUN,
    kinds={"spark", "postgres"},
    op_tags=FIRST,
    **described(
        COIN_PRICES,
        group="warehouse",
        version="1",
        fresh_within=FRESH_WITHIN,
        columns_from={_CLEAN: same_columns(COIN_PRICES)},
    ),
)
def coin_prices(judged: CleanFiles) -> CleanFiles:
    """Valid prices of the hour; published with its quarantine and ledger row in one transaction.

    Takes all judged rows, for the proof that every raw document ends in exactly one place is made
    where they part: valid rows here, quarantined ones in `warehouse/quarantine`. Of a run over
    several hours, one whose rows do not add up is left out and named; the others are published,
    and the run fails.
    """
    return judged


@dg.asset(
    key_prefix="warehouse",
    io_manager_key="postgres_io_manager",
    ins={"judged": dg.AssetIn(key=["clean", "coin_price_history"])},
    partitions_def=DAILY,
    backfill_policy=RANGE_IN_ONE_RUN,
    kinds={"spark", "postgres"},
    **described(
        COIN_PRICE_HISTORY,
        group="warehouse",
        version="1",
        columns_from={"clean/coin_price_history": same_columns(COIN_PRICE_HISTORY)},
    ),
)
def coin_price_history(judged: CleanFiles) -> CleanFiles:
    """Valid points of the day; each day is published in a transaction of its own.

    Takes all judged rows, as `warehouse/coin_prices` does. Of a run over several days, one whose
    rows do not add up is left out and named; the others are published, and the run fails.
    """
    return judged


quarantine = dg.AssetSpec(
    ["warehouse", "quarantine"],
    deps=[dg.AssetKey(["clean", "coin_prices"]), dg.AssetKey(["clean", "coin_price_history"])],
    description="Raw documents that break a rule, with every reason. Written by the publishing of "
    "`warehouse/coin_prices` and `warehouse/coin_price_history`, in the same transaction.",
    partitions_def=HOURLY,
    group_name="warehouse",
    owners=OWNERS,
    kinds={"postgres"},
    metadata={"dagster/table_name": QUARANTINE.full_name},
)
