"""Warehouse: what is valid, in PostgreSQL; what is not, in quarantine beside it."""

from datetime import timedelta

import dagster as dg
from pyspark.sql import DataFrame

from cryptoassets.assets.descriptions import OWNERS, described, same_columns
from cryptoassets.partitions import HOURLY
from cryptoassets.schemas import COIN_PRICES, COINS, QUARANTINE
from cryptoassets.transforms.prices import coins_seen

FRESH_WITHIN = timedelta(minutes=90)
"""Two hours begun without a snapshot: the source, the schedule or the laptop was off."""

_CLEAN = "clean/coin_prices"


@dg.asset(
    key_prefix="warehouse",
    io_manager_key="postgres_io_manager",
    ins={"judged": dg.AssetIn(key=["clean", "coin_prices"])},
    partitions_def=HOURLY,
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
def coins(judged: DataFrame) -> DataFrame:
    """One row a coin as its newest valid observation describes it."""
    return coins_seen(judged)


@dg.asset(
    key_prefix="warehouse",
    io_manager_key="postgres_io_manager",
    ins={"judged": dg.AssetIn(key=["clean", "coin_prices"])},
    partitions_def=HOURLY,
    kinds={"spark", "postgres"},
    **described(
        COIN_PRICES,
        group="warehouse",
        version="1",
        fresh_within=FRESH_WITHIN,
        columns_from={_CLEAN: same_columns(COIN_PRICES)},
    ),
)
def coin_prices(judged: DataFrame) -> DataFrame:
    """Valid prices of the hour; published with its quarantine and ledger row in one transaction.

    Takes all judged rows, for the proof that every raw document ends in exactly one place is made
    where they part: valid rows here, quarantined ones in `warehouse/quarantine`.
    """
    return judged


quarantine = dg.AssetSpec(
    ["warehouse", "quarantine"],
    deps=[dg.AssetKey(["clean", "coin_prices"])],
    description="Raw documents that break a rule, with every reason. Written by the publishing of "
    "`warehouse/coin_prices`, in the same transaction.",
    partitions_def=HOURLY,
    group_name="warehouse",
    owners=OWNERS,
    kinds={"postgres"},
    metadata={"dagster/table_name": QUARANTINE.full_name},
)
