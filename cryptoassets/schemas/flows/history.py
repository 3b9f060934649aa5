"""The history flow: past prices of coins at regular intervals."""

from datetime import timedelta

from cryptoassets.schemas.columns import CIRCULATING_SUPPLY, INTERVAL, PRICE_MEASURES
from cryptoassets.schemas.flow import Flow, clean_table, raw_table
from cryptoassets.schemas.table import Column
from cryptoassets.schemas.warehouse import COIN_PRICE_HISTORY

RAW_COIN_HISTORY = raw_table(
    "coin_history",
    "Raw documents of MongoDB as they are loaded: one row per coin, interval, point and response.",
    documents="Raw history points, one document per coin, interval, point and response, with the "
    "fields of `coin_snapshots` and the field `interval`. `_id` is "
    "`<slug>@<interval>@<observed_at>@<hash of the payload>`.",
    identity=(
        Column("coin_id", "text", "Slug under which the document is stored", is_nullable=True),
        Column("interval", "text", "The interval that was requested", is_nullable=True),
    ),
    payload_fields=("priceUsd", "circulatingSupply", "time", "date"),
    what="point",
)

CLEAN_COIN_PRICE_HISTORY = clean_table(
    "coin_price_history",
    "Every raw point of the day, typed and judged: one row per raw document.",
    identity=(
        Column("coin_id", "text", "CoinCap's slug of the coin", is_nullable=True),
        Column("interval", "text", INTERVAL.comment, is_nullable=True),
    ),
    typed=(
        Column("price_usd", "numeric", PRICE_MEASURES[0].comment, is_nullable=True),
        CIRCULATING_SUPPLY,
    ),
    what="point",
)

HISTORY_FLOW = Flow(
    RAW_COIN_HISTORY,
    CLEAN_COIN_PRICE_HISTORY,
    COIN_PRICE_HISTORY,
    span=timedelta(days=1),
    route="/assets/{slug}/history",
    # Derived from what CoinCap v3 charges: 41 credits for 720 points, and 17 credits for 288.
    bytes_per_row=138,
    every=None,
    job="history",
    job_description="Fetch the price history of one day or a range of days into MongoDB, clean and "
    "publish it. Each code location has a job of this name with its own part of these steps.",
    assets="cryptoassets.assets.history",
    rules=(
        "cryptoassets.transforms.history",
        "cryptoassets.transforms.times",
        "cryptoassets.schemas.intervals",
    ),
    feeds_marts=True,
)
