"""The schema `warehouse`: prices, coins, quarantine, and the books kept of them."""

from cryptoassets.schemas.columns import (
    CIRCULATING_SUPPLY,
    COIN_ID,
    FETCHED_AT,
    INTERVAL,
    OBSERVED_AT,
    PRICE_MEASURES,
    RANK,
    RAW_ID,
    SOURCE,
)
from cryptoassets.schemas.table import Column, Table

COINS = Table(
    "warehouse",
    "coins",
    "One row a coin: what its newest valid observation says of it.",
    (
        COIN_ID,
        Column("symbol", "text", "Ticker symbol, not unique"),
        Column("name", "text", "Name of the coin"),
        RANK,
        Column(
            "max_supply", "numeric", "Coins that can ever exist; null: no limit", is_nullable=True
        ),
        Column("explorer", "text", "URL of a block explorer", is_nullable=True),
        Column("first_seen_at", "timestamptz", "Oldest valid observation, UTC"),
        Column("last_seen_at", "timestamptz", "Newest valid observation, UTC"),
    ),
    ("coin_id",),
)

COIN_PRICES = Table(
    "warehouse",
    "coin_prices",
    "One row a coin and observation, exact decimals; partitioned by UTC month.",
    (COIN_ID, OBSERVED_AT, *PRICE_MEASURES, RANK, SOURCE, FETCHED_AT, RAW_ID),
    ("coin_id", "observed_at"),
)

COIN_PRICE_HISTORY = Table(
    "warehouse",
    "coin_price_history",
    "Historical prices on the grid of an interval: one row a coin, interval and point.",
    (
        COIN_ID,
        INTERVAL,
        OBSERVED_AT,
        PRICE_MEASURES[0],
        CIRCULATING_SUPPLY,
        SOURCE,
        FETCHED_AT,
        RAW_ID,
    ),
    ("coin_id", "interval", "observed_at"),
)

QUARANTINE = Table(
    "warehouse",
    "quarantine",
    "Raw documents that break a rule, with every reason; one row a document and asset.",
    (
        RAW_ID,
        Column("asset", "text", "Asset that refused the document, e.g. warehouse/coin_prices"),
        Column("partition_key", "text", "Dagster partition of the document"),
        Column("reasons", "text[]", "Codes of every rule it breaks, sorted"),
        Column(
            "payload", "text", "The document's payload, JSON with ASCII escapes", is_nullable=True
        ),
        Column(
            "first_seen_at", "timestamptz", "When the document was fetched, UTC", is_nullable=True
        ),
        Column("run_id", "text", "Dagster run that published this row last"),
    ),
    ("asset", "raw_id"),
)

QUARANTINE_RELEASES = Table(
    "warehouse",
    "quarantine_releases",
    "Documents that a later publication took out of quarantine; one row a release, never changed.",
    (
        Column("asset", "text", "Asset that had refused the document"),
        RAW_ID,
        Column("released_at", "timestamptz", "When it left the quarantine, UTC"),
        Column("partition_key", "text", "Dagster partition of the document"),
        Column("reasons", "text[]", "Codes of the rules that it had broken until then"),
        Column(
            "first_seen_at", "timestamptz", "When the document was fetched, UTC", is_nullable=True
        ),
        Column("outcome", "text", "What became of it: loaded or superseded"),
        Column("run_id", "text", "Dagster run that released it"),
    ),
    ("asset", "raw_id", "released_at"),
)

LOADS = Table(
    "warehouse",
    "loads",
    "The ledger: latest publication of a partition; raw = loaded + quarantined + superseded.",
    (
        Column("asset", "text", "Asset that was published, e.g. warehouse/coin_prices"),
        Column("partition_key", "text", "Dagster partition"),
        Column("run_id", "text", "Dagster run that published it"),
        Column("raw_rows", "bigint", "Raw documents in the partition, count"),
        Column("loaded_rows", "bigint", "Rows in the table, count"),
        Column("quarantined_rows", "bigint", "Rows in quarantine, count"),
        Column("superseded_rows", "bigint", "Documents replaced by a later answer, count"),
        Column("loaded_at", "timestamptz", "When the partition was published, UTC"),
        Column(
            "expired_at",
            "timestamptz",
            "When retention deleted the partition, UTC; null: it is there",
            is_nullable=True,
        ),
        Column(
            "publication",
            "bigint",
            "Number of the latest publication that changed rows of the table; 0: none has",
        ),
        Column(
            "clean_checksum",
            "text",
            "Checksum of the cleaned rows that were published, in any order; null: expired, "
            "or published before it was kept",
            is_nullable=True,
        ),
        Column(
            "rows_checksum",
            "text",
            "Checksum of the rows in the table and in quarantine, run_id left out; null: expired, "
            "or published before it was kept",
            is_nullable=True,
        ),
    ),
    ("asset", "partition_key"),
)

LOAD_HISTORY = Table(
    "warehouse",
    "load_history",
    "Every publication that changed something, of prices, history and marts; one row per "
    "publication, never changed.",
    (
        Column(
            "publication",
            "bigint",
            "Number of the publication; a later one of a partition has a larger one",
        ),
        Column("asset", "text", "Asset that was published, e.g. warehouse/coin_prices"),
        Column("partition_key", "text", "Dagster partition"),
        Column("run_id", "text", "Dagster run that published it"),
        Column(
            "raw_rows",
            "bigint",
            "Raw documents in the partition, count; null: a mart",
            is_nullable=True,
        ),
        Column("loaded_rows", "bigint", "Rows in the table afterwards, count"),
        Column(
            "quarantined_rows",
            "bigint",
            "Rows in quarantine afterwards, count; null: a mart",
            is_nullable=True,
        ),
        Column(
            "superseded_rows",
            "bigint",
            "Documents replaced by a later answer, count; null: a mart",
            is_nullable=True,
        ),
        Column("rows_written", "bigint", "Rows of the table that were inserted or updated, count"),
        Column("rows_removed", "bigint", "Rows of the table that were deleted, count"),
        Column("published_at", "timestamptz", "When the transaction began, UTC"),
    ),
    ("publication",),
)

MART_LOADS = Table(
    "warehouse",
    "mart_loads",
    "The latest publication of each mart partition, and the publications that it was made from.",
    (
        Column("asset", "text", "Mart that was published, e.g. marts/coin_daily"),
        Column("partition_key", "text", "Dagster partition: the UTC day"),
        Column("run_id", "text", "Dagster run that published it"),
        Column(
            "publication",
            "bigint",
            "Number of the latest publication that changed rows of the mart",
        ),
        Column("loaded_rows", "bigint", "Rows in the mart, count"),
        Column(
            "inputs",
            "jsonb",
            "Publication of each input partition, by asset and partition key, as it was read",
        ),
        Column(
            "aliases_hash",
            "text",
            "MD5 of warehouse.coin_aliases as it was read; null: the mart does not read it",
            is_nullable=True,
        ),
        Column("loaded_at", "timestamptz", "When the partition was published, UTC"),
    ),
    ("asset", "partition_key"),
)

GAPS = Table(
    "warehouse",
    "gaps",
    "Holes in the history of a coin.",
    (
        COIN_ID,
        Column("interval", "text", "CoinCap's interval"),
        Column("gap_start", "timestamptz", "First missing point, UTC"),
        Column("gap_end", "timestamptz", "First point after the hole, UTC"),
        Column("detected_at", "timestamptz", "When the hole was found, UTC"),
        Column("healed_at", "timestamptz", "When it was filled, UTC; null: open", is_nullable=True),
        Column("unfillable", "boolean", "The source cannot fill it; not tried again"),
    ),
    ("coin_id", "interval", "gap_start"),
)

CREDITS = Table(
    "warehouse",
    "credits",
    "CoinCap credits: one row a call, written before it and counted after it.",
    (
        Column("called_at", "timestamptz", "When the call was made, UTC"),
        Column("route", "text", "Route of the call, without parameters"),
        Column("estimated", "bigint", "Credits expected before the call"),
        Column("counted", "bigint", "Credits by the size of the answer", is_nullable=True),
    ),
    ("called_at", "route"),
)

COIN_ALIASES = Table(
    "warehouse",
    "coin_aliases",
    "Old slugs of coins: the marts count them as the slug of today. Yours to edit.",
    (
        Column("alias", "text", "Slug that CoinCap used once, e.g. ripple"),
        Column("coin_id", "text", "Slug of the same coin today, e.g. xrp"),
    ),
    ("alias",),
)

PARTITION_LOCKS = Table(
    "warehouse",
    "partition_locks",
    "What writers lock while they work, a row per lock; the rows themselves say nothing.",
    (
        Column("asset", "text", "What is locked: an asset, or work that only one process may do"),
        Column("partition_key", "text", "Dagster partition; empty: all of it"),
    ),
    ("asset", "partition_key"),
)
