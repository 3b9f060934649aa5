"""Columns that several tables share: the same quantity has the same name everywhere."""

from cryptoassets.schemas.table import Column

COIN_ID = Column("coin_id", "text", "CoinCap's slug of the coin, e.g. bitcoin")
OBSERVED_AT = Column("observed_at", "timestamptz", "Market time of the observation, UTC")
SOURCE = Column("source", "text", "Where the row comes from: coincap, simulator or replay")
FETCHED_AT = Column(
    "fetched_at", "timestamptz", "When the answer was received, UTC, by this platform's clock"
)
RAW_ID = Column("raw_id", "text", "The _id of the raw document in MongoDB")

MAX_SUPPLY_COMMENT = "Number of coins that can ever exist; null means no limit"
PRICE_MEASURES = (
    Column("price_usd", "numeric", "Price of one coin, US dollars"),
    Column("market_cap_usd", "numeric", "Price times supply, US dollars", is_nullable=True),
    Column(
        "volume_usd_24h",
        "numeric",
        "Trading volume of the last 24 hours, US dollars",
        is_nullable=True,
    ),
    Column(
        "vwap_usd_24h",
        "numeric",
        "Volume-weighted average price of the last 24 hours, US dollars",
        is_nullable=True,
    ),
    Column("change_pct_24h", "numeric", "Price change in 24 hours, percent", is_nullable=True),
    Column("supply", "numeric", "Coins in circulation", is_nullable=True),
    Column("max_supply", "numeric", MAX_SUPPLY_COMMENT, is_nullable=True),
)
RANK = Column("rank", "int", "Rank by market cap at that time, 1 = largest")
INTERVAL = Column("interval", "text", "CoinCap's interval: m1 m5 m15 m30 h1 h2 h6 h12 d1")
CIRCULATING_SUPPLY = Column(
    "circulating_supply", "numeric", "Coins in circulation", is_nullable=True
)
