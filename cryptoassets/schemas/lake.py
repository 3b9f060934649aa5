"""Tables outside PostgreSQL: raw documents as they are loaded, and cleaned Parquet."""

from cryptoassets.schemas.columns import (
    CIRCULATING_SUPPLY,
    INTERVAL,
    OBSERVED_AT,
    PRICE_MEASURES,
    RAW_ID,
    SOURCE,
)
from cryptoassets.schemas.table import Column, Table

NUMBER_KEY = "$numberDecimal"
"""The only key of an object that represents a number in a payload; its text is the value."""

RAW_COIN_SNAPSHOTS = Table(
    "raw",
    "coin_snapshots",
    "Raw documents of MongoDB as they are loaded: one row per coin and answer.",
    (
        RAW_ID,
        Column("coin_id", "text", "Slug under which the document is stored", is_nullable=True),
        OBSERVED_AT,
        Column("fetched_at", "timestamptz", "When the answer was received, UTC", is_nullable=True),
        Column("source", "text", "coincap, simulator or replay", is_nullable=True),
        Column(
            "payload", "text", "The coin as received, JSON with ASCII escapes", is_nullable=True
        ),
        Column("coins_asked", "int", "Coins requested for the snapshot of this observed_at"),
        Column("is_repeated", "boolean", "The fetch got a page twice, so coins are missing"),
        Column("is_foreign", "boolean", "Not written by this platform: a field or type is wrong"),
    ),
    ("raw_id",),
)

CLEAN_COIN_PRICES = Table(
    "clean",
    "coin_prices",
    "Every raw document of the hour, typed and judged: one row per raw document.",
    (
        RAW_ID,
        Column("coin_id", "text", "CoinCap's slug of the coin", is_nullable=True),
        OBSERVED_AT,
        Column("fetched_at", "timestamptz", "When the answer was received, UTC", is_nullable=True),
        SOURCE,
        Column("symbol", "text", "Ticker symbol, not unique", is_nullable=True),
        Column("name", "text", "Name of the coin", is_nullable=True),
        Column("explorer", "text", "URL of a block explorer", is_nullable=True),
        Column("rank", "int", "Rank by market cap, 1 = largest", is_nullable=True),
        *(Column(c.name, c.type, c.comment, is_nullable=True) for c in PRICE_MEASURES),
        Column(
            "payload", "text", "The coin as received, JSON with ASCII escapes", is_nullable=True
        ),
        Column("reasons", "text[]", "Codes of all rules that the row breaks; may be empty"),
        Column("outcome", "text", "valid, quarantined or superseded"),
    ),
    ("raw_id",),
)

RAW_COIN_HISTORY = Table(
    "raw",
    "coin_history",
    "Raw documents of MongoDB as they are loaded: one row per coin, interval, point and answer.",
    (
        RAW_ID,
        Column("coin_id", "text", "Slug under which the document is stored", is_nullable=True),
        Column("interval", "text", "The interval that was requested", is_nullable=True),
        OBSERVED_AT,
        Column("fetched_at", "timestamptz", "When the answer was received, UTC", is_nullable=True),
        Column("source", "text", "coincap, simulator or replay", is_nullable=True),
        Column(
            "payload", "text", "The point as received, JSON with ASCII escapes", is_nullable=True
        ),
        Column("is_foreign", "boolean", "Not written by this platform: a field or type is wrong"),
    ),
    ("raw_id",),
)

CLEAN_COIN_PRICE_HISTORY = Table(
    "clean",
    "coin_price_history",
    "Every raw point of the day, typed and judged: one row per raw document.",
    (
        RAW_ID,
        Column("coin_id", "text", "CoinCap's slug of the coin", is_nullable=True),
        Column("interval", "text", INTERVAL.comment, is_nullable=True),
        OBSERVED_AT,
        Column("fetched_at", "timestamptz", "When the answer was received, UTC", is_nullable=True),
        SOURCE,
        Column("price_usd", "numeric", PRICE_MEASURES[0].comment, is_nullable=True),
        CIRCULATING_SUPPLY,
        Column(
            "payload", "text", "The point as received, JSON with ASCII escapes", is_nullable=True
        ),
        Column("reasons", "text[]", "Codes of all rules that the row breaks; may be empty"),
        Column("outcome", "text", "valid, quarantined or superseded"),
    ),
    ("raw_id",),
)
