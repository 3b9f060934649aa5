"""Candles of each coin."""

from cryptoassets.schemas.columns import COIN_ID
from cryptoassets.schemas.flows.history import HISTORY_FLOW
from cryptoassets.schemas.flows.snapshots import SNAPSHOT_FLOW
from cryptoassets.schemas.mart import OBSERVED_BY, Mart
from cryptoassets.schemas.marts.coin_daily import COIN_DAILY
from cryptoassets.schemas.table import Column, Table

COIN_CANDLES = Table(
    "marts",
    "coin_candles",
    "One row per coin, candle length and start; only candles with at least one point.",
    (
        COIN_ID,
        Column("interval", "text", "Length of the candle: h1, h4, d1 or w1"),
        Column("start_at", "timestamptz", "Start, UTC; a w1 candle starts on Monday, 00:00"),
        Column("open", "numeric", "First price, US dollars"),
        Column("high", "numeric", "Highest price, US dollars"),
        Column("low", "numeric", "Lowest price, US dollars"),
        Column("close", "numeric", "Last price, US dollars"),
        Column("points", "bigint", "Snapshots and history points in the candle, count"),
        Column(
            "points_expected",
            "bigint",
            "Length of the candle divided by the shortest interval among its points (snapshots: "
            "5 minutes), count",
        ),
        Column("source", "text", OBSERVED_BY),
    ),
    ("coin_id", "interval", "start_at"),
)

COIN_CANDLES_MART = Mart(
    COIN_CANDLES,
    (SNAPSHOT_FLOW.published, HISTORY_FLOW.published),
    assets="cryptoassets.assets.marts",
    has_aliases=True,
    merged=(COIN_DAILY,),
)
