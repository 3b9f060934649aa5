"""The schema `warehouse`: prices, coins, quarantine, and the records of publications."""

from cryptoassets.schemas.columns import (
    CIRCULATING_SUPPLY,
    COIN_ID,
    FETCHED_AT,
    INTERVAL,
    MAX_SUPPLY_COMMENT,
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
    "One row per coin, as its newest valid observation describes it.",
    (
        COIN_ID,
        Column("symbol", "text", "Ticker symbol, not unique"),
        Column("name", "text", "Name of the coin"),
        RANK,
        Column("max_supply", "numeric", MAX_SUPPLY_COMMENT, is_nullable=True),
        Column("explorer", "text", "URL of a block explorer", is_nullable=True),
        Column("first_seen_at", "timestamptz", "Time of the oldest valid observation, UTC"),
        Column("last_seen_at", "timestamptz", "Time of the newest valid observation, UTC"),
    ),
    ("coin_id",),
    is_merged=True,
)

COIN_PRICES = Table(
    "warehouse",
    "coin_prices",
    "One row per coin and observation, exact decimals; partitioned by UTC month.",
    (COIN_ID, OBSERVED_AT, *PRICE_MEASURES, RANK, SOURCE, FETCHED_AT, RAW_ID),
    ("coin_id", "observed_at"),
)

COIN_PRICE_HISTORY = Table(
    "warehouse",
    "coin_price_history",
    "Historical prices on the grid of an interval: one row per coin, interval and point.",
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
    "Raw documents that break a rule, with every reason; one row per document and asset.",
    (
        RAW_ID,
        Column("asset", "text", "Asset that rejected the document, e.g. warehouse/coin_prices"),
        Column("partition_key", "text", "Dagster partition of the document"),
        Column("reasons", "text[]", "Codes of all rules that the document breaks, sorted"),
        Column(
            "payload", "text", "The document's payload, JSON with ASCII escapes", is_nullable=True
        ),
        Column(
            "first_seen_at", "timestamptz", "When the document was fetched, UTC", is_nullable=True
        ),
        Column("run_id", "text", "Dagster run that last published this row"),
    ),
    ("asset", "raw_id"),
)

QUARANTINE_RELEASES = Table(
    "warehouse",
    "quarantine_releases",
    "Documents that a later publication took out of quarantine; one row per release, never "
    "changed.",
    (
        Column("asset", "text", "Asset that had rejected the document"),
        RAW_ID,
        Column("released_at", "timestamptz", "When the document left the quarantine, UTC"),
        Column("partition_key", "text", "Dagster partition of the document"),
        Column("reasons", "text[]", "Codes of the rules for which the document was quarantined"),
        Column(
            "first_seen_at", "timestamptz", "When the document was fetched, UTC", is_nullable=True
        ),
        Column("outcome", "text", "Outcome of the document since then: loaded or superseded"),
        Column("run_id", "text", "Dagster run that released the document"),
    ),
    ("asset", "raw_id", "released_at"),
)

LOADS = Table(
    "warehouse",
    "loads",
    "The ledger: the latest publication of each partition; raw = loaded + quarantined + "
    "superseded.",
    (
        Column("asset", "text", "Asset that was published, e.g. warehouse/coin_prices"),
        Column("partition_key", "text", "Dagster partition"),
        Column("run_id", "text", "Dagster run that published the partition"),
        Column("raw_rows", "bigint", "Raw documents in the partition, count"),
        Column("loaded_rows", "bigint", "Rows in the table, count"),
        Column("quarantined_rows", "bigint", "Rows in quarantine, count"),
        Column("superseded_rows", "bigint", "Documents replaced by a later answer, count"),
        Column("loaded_at", "timestamptz", "When the partition was published, UTC"),
        Column(
            "expired_at",
            "timestamptz",
            "When retention deleted the partition, UTC; null means that it still exists",
            is_nullable=True,
        ),
        Column(
            "publication",
            "bigint",
            "Number of the latest publication that changed rows of the table; 0 means none did",
        ),
        Column(
            "clean_checksum",
            "text",
            "Checksum of the published cleaned rows, in any order; null means expired, or "
            "published before checksums were recorded",
            is_nullable=True,
        ),
        Column(
            "rows_checksum",
            "text",
            "Checksum of the rows in the table and in quarantine, without run_id; null means "
            "expired, or published before checksums were recorded",
            is_nullable=True,
        ),
    ),
    ("asset", "partition_key"),
)

LOAD_HISTORY = Table(
    "warehouse",
    "load_history",
    "Every publication of prices, history or marts that changed something; one row per "
    "publication, never changed.",
    (
        Column(
            "publication",
            "bigint",
            "Number of the publication; a later publication of a partition has a larger number",
        ),
        Column("asset", "text", "Asset that was published, e.g. warehouse/coin_prices"),
        Column("partition_key", "text", "Dagster partition"),
        Column("run_id", "text", "Dagster run that published the partition"),
        Column(
            "raw_rows",
            "bigint",
            "Raw documents in the partition, count; null for a mart",
            is_nullable=True,
        ),
        Column("loaded_rows", "bigint", "Rows in the table afterwards, count"),
        Column(
            "quarantined_rows",
            "bigint",
            "Rows in quarantine afterwards, count; null for a mart",
            is_nullable=True,
        ),
        Column(
            "superseded_rows",
            "bigint",
            "Documents replaced by a later answer, count; null for a mart",
            is_nullable=True,
        ),
        Column("rows_written", "bigint", "Rows of the table that were inserted or updated, count"),
        Column("rows_removed", "bigint", "Rows of the table that were deleted, count"),
        Column("published_at", "timestamptz", "When the publishing transaction began, UTC"),
        Column(
            "files_hash",
            "text",
            "Hash of the published Parquet files' names and of the code that published them; null "
            "means that the rows came from elsewhere",
            is_nullable=True,
        ),
    ),
    ("publication",),
)

MART_LOADS = Table(
    "warehouse",
    "mart_loads",
    "The latest publication of each mart partition, and the publications of its inputs.",
    (
        Column("asset", "text", "Mart that was published, e.g. marts/coin_daily"),
        Column("partition_key", "text", "Dagster partition: the UTC day"),
        Column("run_id", "text", "Dagster run that published the partition"),
        Column(
            "publication",
            "bigint",
            "Number of the latest publication that changed rows of the mart",
        ),
        Column("loaded_rows", "bigint", "Rows in the mart, count"),
        Column(
            "inputs",
            "jsonb",
            "Sum of the publication numbers of each input on each day that the mart depends on, by "
            "asset and day",
        ),
        Column(
            "aliases_hash",
            "text",
            "MD5 of warehouse.coin_aliases when it was read; null if the mart does not read it",
            is_nullable=True,
        ),
        Column("loaded_at", "timestamptz", "When the partition was published, UTC"),
    ),
    ("asset", "partition_key"),
)

GAPS = Table(
    "warehouse",
    "gaps",
    "Gaps in the price history of coins.",
    (
        COIN_ID,
        Column("interval", "text", "CoinCap's interval"),
        Column("gap_start", "timestamptz", "First missing point, UTC"),
        Column("gap_end", "timestamptz", "First point after the gap, UTC"),
        Column("detected_at", "timestamptz", "When the gap was found, UTC"),
        Column(
            "healed_at",
            "timestamptz",
            "When the gap was filled, UTC; null means that it is open",
            is_nullable=True,
        ),
        Column("unfillable", "boolean", "Whether the source cannot fill the gap; then no retries"),
    ),
    ("coin_id", "interval", "gap_start"),
)

ECB_RATES = Table(
    "warehouse",
    "ecb_rates",
    "Daily reference rates of the European Central Bank: one row per currency and business day.",
    (
        Column("symbol", "text", "Symbol of the currency, e.g. EUR"),
        Column("day", "date", "UTC day"),
        Column("usd_per_unit", "numeric", "Price of one unit of the currency, US dollars"),
        Column("source", "text", "Always ecb: a daily rate, not one of a moment"),
        Column("fetched_at", "timestamptz", "When the file was read, UTC"),
    ),
    ("symbol", "day"),
)

CREDITS = Table(
    "warehouse",
    "credits",
    "CoinCap credits: one row per call, written before the call and completed after it.",
    (
        Column("called_at", "timestamptz", "When the call was made, UTC"),
        Column("route", "text", "Route of the call, without parameters"),
        Column("estimated", "bigint", "Credits expected before the call"),
        Column(
            "counted",
            "bigint",
            "Credits charged, computed from the size of the answer",
            is_nullable=True,
        ),
    ),
    ("called_at", "route"),
)

COIN_ALIASES = Table(
    "warehouse",
    "coin_aliases",
    "Old slugs of coins, which the marts replace by today's slug. Users may edit this table.",
    (
        Column("alias", "text", "Slug that CoinCap used in the past, e.g. ripple"),
        Column("coin_id", "text", "Slug of the same coin today, e.g. xrp"),
    ),
    ("alias",),
)

PARTITION_LOCKS = Table(
    "warehouse",
    "partition_locks",
    "Locks of writers: one row per lock, locked while a writer works. The rows hold no data.",
    (
        Column("asset", "text", "What is locked: an asset, or work that only one process may do"),
        Column("partition_key", "text", "Dagster partition; empty means all partitions"),
    ),
    ("asset", "partition_key"),
)
