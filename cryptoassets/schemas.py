"""The tables as plain data: column, type, unit, null or not, key, comment.

What goes here: what a row of each store looks like; the Spark schema, the COPY column lists, the
checks and the docs are read off it. What stays out: the DDL that stands in a database (frozen in
`migrations`; a test holds the two together) and every computation (in `transforms`).
"""

from dataclasses import dataclass
from typing import Literal

ColumnType = Literal["text", "text[]", "int", "bigint", "numeric", "timestamptz", "date", "boolean"]

DECIMAL_PRECISION, DECIMAL_SCALE = 38, 18

_SPARK_TYPES: dict[ColumnType, str] = {
    "text": "STRING",
    "text[]": "ARRAY<STRING>",
    "int": "INT",
    "bigint": "BIGINT",
    "numeric": f"DECIMAL({DECIMAL_PRECISION},{DECIMAL_SCALE})",
    "timestamptz": "TIMESTAMP",
    "date": "DATE",
    "boolean": "BOOLEAN",
}


@dataclass(frozen=True)
class Column:
    """One column; `comment` says the meaning with its unit."""

    name: str
    type: ColumnType
    comment: str
    is_nullable: bool = False


@dataclass(frozen=True)
class Table:
    """One table, view or DataFrame.

    Attributes:
        schema: the layer or the PostgreSQL schema.
        key: columns that name a row; unique and never null.
    """

    schema: str
    name: str
    comment: str
    columns: tuple[Column, ...]
    key: tuple[str, ...]

    @property
    def full_name(self) -> str:
        """`schema.name`."""
        return f"{self.schema}.{self.name}"

    @property
    def column_names(self) -> tuple[str, ...]:
        """Names in table order."""
        return tuple(column.name for column in self.columns)

    @property
    def spark_schema(self) -> str:
        """The schema as Spark DDL, in table order."""
        return ", ".join(f"{column.name} {_SPARK_TYPES[column.type]}" for column in self.columns)


COIN_ID = Column("coin_id", "text", "CoinCap's slug of the coin, e.g. bitcoin")
OBSERVED_AT = Column("observed_at", "timestamptz", "Market time of the observation, UTC")
SOURCE = Column("source", "text", "Where the row comes from: coincap, simulator or replay")
FETCHED_AT = Column("fetched_at", "timestamptz", "When we received the answer, UTC, our clock")
RAW_ID = Column("raw_id", "text", "The _id of the raw document in MongoDB")

PRICE_MEASURES = (
    Column("price_usd", "numeric", "Price of one coin, US dollars"),
    Column("market_cap_usd", "numeric", "Price times supply, US dollars", is_nullable=True),
    Column(
        "volume_usd_24h", "numeric", "Traded in the last 24 hours, US dollars", is_nullable=True
    ),
    Column(
        "vwap_usd_24h",
        "numeric",
        "Volume-weighted average price of the last 24 hours, US dollars",
        is_nullable=True,
    ),
    Column("change_pct_24h", "numeric", "Price change in 24 hours, percent", is_nullable=True),
    Column("supply", "numeric", "Coins in circulation", is_nullable=True),
    Column("max_supply", "numeric", "Coins that can ever exist; null: no limit", is_nullable=True),
)
RANK = Column("rank", "int", "Rank by market cap at that time, 1 = largest")

RAW_COIN_SNAPSHOTS = Table(
    "raw",
    "coin_snapshots",
    "Raw documents of MongoDB as they are loaded: one row a coin and answer.",
    (
        RAW_ID,
        Column("coin_id", "text", "The slug the document was stored under", is_nullable=True),
        OBSERVED_AT,
        Column("fetched_at", "timestamptz", "When we received the answer, UTC", is_nullable=True),
        Column("source", "text", "coincap, simulator or replay", is_nullable=True),
        Column(
            "payload", "text", "The coin as received, JSON with ASCII escapes", is_nullable=True
        ),
        Column("coins_asked", "int", "Coins that the snapshot of this observed_at was asked for"),
        Column("is_repeated", "boolean", "The fetch gave one page twice, so coins are missing"),
        Column("is_foreign", "boolean", "Not a document of ours: wrong _id type, field missing"),
    ),
    ("raw_id",),
)

CLEAN_COIN_PRICES = Table(
    "clean",
    "coin_prices",
    "Every raw document of the hour, typed and judged: one row a raw document.",
    (
        RAW_ID,
        Column("coin_id", "text", "CoinCap's slug of the coin", is_nullable=True),
        OBSERVED_AT,
        Column("fetched_at", "timestamptz", "When we received the answer, UTC", is_nullable=True),
        SOURCE,
        Column("symbol", "text", "Ticker symbol, not unique", is_nullable=True),
        Column("name", "text", "Name of the coin", is_nullable=True),
        Column("explorer", "text", "URL of a block explorer", is_nullable=True),
        Column("rank", "int", "Rank by market cap, 1 = largest", is_nullable=True),
        *(Column(c.name, c.type, c.comment, is_nullable=True) for c in PRICE_MEASURES),
        Column(
            "payload", "text", "The coin as received, JSON with ASCII escapes", is_nullable=True
        ),
        Column("reasons", "text[]", "Codes of every rule the row breaks; empty: none"),
        Column("outcome", "text", "valid, quarantined or superseded"),
    ),
    ("raw_id",),
)

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
        Column("interval", "text", "CoinCap's interval: m1 m5 m15 m30 h1 h2 h6 h12 d1"),
        OBSERVED_AT,
        PRICE_MEASURES[0],
        Column("circulating_supply", "numeric", "Coins in circulation", is_nullable=True),
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

DAY = Column("day", "date", "UTC day")

COIN_DAILY = Table(
    "marts",
    "coin_daily",
    "One row a coin and UTC day.",
    (
        COIN_ID,
        DAY,
        Column("open", "numeric", "First price of the day, US dollars"),
        Column("high", "numeric", "Highest price of the day, US dollars"),
        Column("low", "numeric", "Lowest price of the day, US dollars"),
        Column("close", "numeric", "Last price of the day, US dollars"),
        Column(
            "volume_usd_24h",
            "numeric",
            "Last 24-hour volume of the day, US dollars",
            is_nullable=True,
        ),
        Column(
            "market_cap_usd", "numeric", "Last market cap of the day, US dollars", is_nullable=True
        ),
        Column("observations", "bigint", "Observations on the day, count"),
        Column(
            "return_pct",
            "numeric",
            "Close against the close of the day before, percent",
            is_nullable=True,
        ),
        Column(
            "volatility_7d_pct",
            "numeric",
            "Sample standard deviation of the last 7 daily returns, percent",
            is_nullable=True,
        ),
        Column(
            "drawdown_pct", "numeric", "Close below the highest price of the last 7 days, percent"
        ),
    ),
    ("coin_id", "day"),
)

MARKET_DAILY = Table(
    "marts",
    "market_daily",
    "One row a UTC day: the coins of marts.coin_daily added up.",
    (
        DAY,
        Column("market_cap_usd", "numeric", "Sum of market caps, US dollars", is_nullable=True),
        Column("volume_usd_24h", "numeric", "Sum of 24-hour volumes, US dollars", is_nullable=True),
        Column("coins", "bigint", "Coins seen on the day, count"),
        Column(
            "btc_dominance_pct",
            "numeric",
            "Bitcoin's share of market_cap_usd, percent",
            is_nullable=True,
        ),
        Column("gainers", "bigint", "Coins with a return above zero, count"),
        Column("losers", "bigint", "Coins with a return below zero, count"),
    ),
    ("day",),
)

COIN_LATEST = Table(
    "marts",
    "coin_latest",
    "View: one row a coin, its newest observation and its age.",
    (
        COIN_ID,
        Column("symbol", "text", "Ticker symbol, not unique"),
        Column("name", "text", "Name of the coin"),
        *(column for column in COIN_PRICES.columns if column != COIN_ID),
        Column("age_seconds", "numeric", "Age of the observation when queried, seconds"),
    ),
    ("coin_id",),
)

POSTGRES_TABLES = (
    COINS,
    COIN_PRICES,
    COIN_PRICE_HISTORY,
    QUARANTINE,
    LOADS,
    GAPS,
    CREDITS,
    COIN_DAILY,
    MARKET_DAILY,
    COIN_LATEST,
)
