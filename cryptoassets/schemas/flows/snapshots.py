"""The snapshot flow: the current values of the top coins, every few minutes."""

from dataclasses import replace
from datetime import timedelta

from cryptoassets.schemas.columns import PRICE_MEASURES
from cryptoassets.schemas.flow import Flow, clean_table, raw_table
from cryptoassets.schemas.table import Column
from cryptoassets.schemas.warehouse import COIN_PRICES

FRESH_WITHIN = timedelta(minutes=90)
"""If the newest price is older than this, the source, the schedule or the machine is down."""

_documents = raw_table(
    "coin_snapshots",
    "Raw documents of MongoDB as they are loaded: one row per coin and response.",
    documents="Raw documents, one per coin and response: `_id`, `coin_id`, `observed_at`, "
    "`fetched_at`, `source`, and `payload`, the coin exactly as received. `_id` is "
    "`<slug>@<observed_at>@<hash of the payload>`, so the same response is stored only once.",
    identity=(
        Column("coin_id", "text", "Slug under which the document is stored", is_nullable=True),
    ),
    payload_fields=(
        *("id", "rank", "symbol", "name", "explorer"),
        *("priceUsd", "marketCapUsd", "volumeUsd24Hr", "vwap24Hr", "changePercent24Hr"),
        *("supply", "maxSupply"),
    ),
    what="coin",
)
RAW_COIN_SNAPSHOTS = replace(
    _documents,
    columns=(
        *_documents.columns[:-1],
        Column("coins_asked", "int", "Coins requested for the snapshot of this observed_at"),
        Column("is_repeated", "boolean", "The fetch got a page twice, so coins are missing"),
        _documents.columns[-1],
    ),
    has_fetch_records=True,
)

CLEAN_COIN_PRICES = clean_table(
    "coin_prices",
    "Every raw document of the hour, typed and judged: one row per raw document.",
    identity=(Column("coin_id", "text", "CoinCap's slug of the coin", is_nullable=True),),
    typed=(
        Column("symbol", "text", "Ticker symbol, not unique", is_nullable=True),
        Column("name", "text", "Name of the coin", is_nullable=True),
        Column("explorer", "text", "URL of a block explorer", is_nullable=True),
        Column("rank", "int", "Rank by market cap, 1 = largest", is_nullable=True),
        *(Column(c.name, c.type, c.comment, is_nullable=True) for c in PRICE_MEASURES),
    ),
    what="coin",
)

SNAPSHOT_FLOW = Flow(
    RAW_COIN_SNAPSHOTS,
    CLEAN_COIN_PRICES,
    COIN_PRICES,
    span=timedelta(hours=1),
    route="/assets",
    # Derived from what CoinCap v3 charges: 18 credits for 100 coins, and 330 credits for 2,000.
    bytes_per_row=411,
    every=timedelta(0),
    job="process",
    fetch_job="ingest",
    assets="cryptoassets.assets.snapshots",
    rules=("cryptoassets.transforms.prices",),
    also=("warehouse/coins",),
    # This flow runs the check after publishing, so that the check does not delay publishing.
    own_checks=("quarantine_share",),
    is_by_month=True,
    feeds_marts=True,
    fresh_within=FRESH_WITHIN,
)
