"""A view of the newest price of each coin."""

from cryptoassets.schemas.columns import COIN_ID
from cryptoassets.schemas.table import Column, Table
from cryptoassets.schemas.warehouse import COIN_PRICES

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
