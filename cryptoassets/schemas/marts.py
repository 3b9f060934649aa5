"""The schema `marts`: what analysts read."""

from cryptoassets.schemas.columns import COIN_ID
from cryptoassets.schemas.table import Column, Table
from cryptoassets.schemas.warehouse import COIN_PRICES

DAY = Column("day", "date", "UTC day")

COIN_DAILY = Table(
    "marts",
    "coin_daily",
    "One row per coin and UTC day.",
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
            "24-hour volume in the last snapshot of the day, US dollars",
            is_nullable=True,
        ),
        Column(
            "market_cap_usd",
            "numeric",
            "Market cap in the last snapshot of the day, US dollars",
            is_nullable=True,
        ),
        Column(
            "observations",
            "bigint",
            "Snapshots of the day, plus history points of hours without a snapshot, count",
        ),
        Column(
            "return_pct",
            "numeric",
            "Change from the close of the day before to this close, percent",
            is_nullable=True,
        ),
        Column(
            "volatility_7d_pct",
            "numeric",
            "Sample standard deviation of the last 7 daily returns, percent",
            is_nullable=True,
        ),
        Column(
            "drawdown_pct",
            "numeric",
            "How far the close is below the highest price of the last 7 days, percent",
        ),
    ),
    ("coin_id", "day"),
)

MARKET_DAILY = Table(
    "marts",
    "market_daily",
    "One row per UTC day: totals over the coins of marts.coin_daily.",
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
    "View: one row per coin, with its newest observation and its age.",
    (
        COIN_ID,
        Column("symbol", "text", "Ticker symbol, not unique"),
        Column("name", "text", "Name of the coin"),
        *(column for column in COIN_PRICES.columns if column != COIN_ID),
        Column("age_seconds", "numeric", "Age of the observation when queried, seconds"),
    ),
    ("coin_id",),
)
