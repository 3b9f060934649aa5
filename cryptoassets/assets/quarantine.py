"""The asset of the quarantine, to which every flow publishes the rows that break a rule."""

import dagster as dg

from cryptoassets.assets.descriptions import OWNERS
from cryptoassets.partitions.policies import HOURLY
from cryptoassets.schemas import FLOWS, QUARANTINE, asset_of


def quarantine() -> dg.AssetSpec:
    """Return the asset of the documents that break a rule; it has no step of its own."""
    published = [f"`{flow.asset}`" for flow in FLOWS]
    return dg.AssetSpec(
        ["warehouse", QUARANTINE.name],
        deps=[dg.AssetKey.from_user_string(asset_of(flow.clean)) for flow in FLOWS],
        description="Raw documents that break a rule, with every reason. Publishing "
        f"{' or '.join(published)} writes it in the same transaction.",
        partitions_def=HOURLY,
        group_name="warehouse",
        owners=OWNERS,
        kinds={"postgres"},
        metadata={"dagster/table_name": QUARANTINE.full_name},
    )
