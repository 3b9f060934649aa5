"""The quarantine asset, where every flow publishes its documents that break a rule."""

import dagster as dg

from cryptoassets.assets.descriptions import OWNERS
from cryptoassets.partitions.policies import HOURLY
from cryptoassets.schemas import FLOWS, QUARANTINE, asset_of


def quarantine() -> dg.AssetSpec:
    """Return the quarantine asset. It has no step: the steps that publish flows write it."""
    published = [f"`{flow.asset}`" for flow in FLOWS]
    return dg.AssetSpec(
        ["warehouse", QUARANTINE.name],
        deps=[dg.AssetKey.from_user_string(asset_of(flow.clean)) for flow in FLOWS],
        description="Raw documents that break a rule, with all reasons. Rows are written in the "
        f"same transaction that publishes {' or '.join(published)}.",
        partitions_def=HOURLY,
        group_name="warehouse",
        owners=OWNERS,
        kinds={"postgres"},
        metadata={"dagster/table_name": QUARANTINE.full_name},
    )
