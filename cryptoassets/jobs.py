"""Jobs, schedules and sensors.

What goes here: which assets run together, and when. What stays out: the assets (in `assets`). A job
has one partitioning, hence four of them.
"""

import dagster as dg

ingest = dg.define_asset_job(
    "ingest",
    selection=dg.AssetSelection.assets(["raw", "coin_snapshots"]),
    description="Fetch the open hour's snapshot from CoinCap into MongoDB; needs no Spark.",
)
process = dg.define_asset_job(
    "process",
    selection=dg.AssetSelection.assets(
        ["clean", "coin_prices"], ["warehouse", "coins"], ["warehouse", "coin_prices"]
    ),
    description="Clean an hour by Spark and publish it to PostgreSQL; whole, as often as you like.",
)
marts = dg.define_asset_job(
    "marts",
    selection=dg.AssetSelection.groups("marts"),
    description="Daily figures of a day from the warehouse.",
)
