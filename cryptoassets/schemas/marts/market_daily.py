"""Daily figures of the whole market."""

from cryptoassets.schemas.mart import DAY, Mart
from cryptoassets.schemas.marts.coin_daily import COIN_DAILY
from cryptoassets.schemas.table import Column, Table

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
        Column(
            "is_market_cap_derived",
            "boolean",
            "Whether market_cap_usd contains a market cap that is price times circulating supply; "
            "null without a market cap",
            is_nullable=True,
        ),
    ),
    ("day",),
)

MARKET_DAILY_MART = Mart(MARKET_DAILY, (COIN_DAILY,), assets="cryptoassets.assets.marts")
