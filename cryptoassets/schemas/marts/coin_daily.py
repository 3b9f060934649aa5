"""Daily figures of each coin."""

from cryptoassets.schemas.columns import COIN_ID
from cryptoassets.schemas.flows.history import HISTORY_FLOW
from cryptoassets.schemas.flows.snapshots import SNAPSHOT_FLOW
from cryptoassets.schemas.mart import DAY, OBSERVED_BY, Mart
from cryptoassets.schemas.table import Column, Table

LOOKBACK_DAYS = 30
"""Number of earlier days that the figures of a day depend on: 30 returns need 31 closes."""
DAYS_READ_BACK = 1
"""Number of earlier days whose prices are read, for `return_24h_pct`. For the other earlier days,
only `high` and `close` are needed, and these are read from the mart itself."""
DAYS_KEPT_BEFORE = LOOKBACK_DAYS + DAYS_READ_BACK
"""Number of earlier days whose prices must exist to compute a day and its lookback days again."""

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
            "Market cap in the last snapshot of the day, US dollars; on days without one, price "
            "times circulating supply of the last history point that has both",
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
            "How far the close is below the highest price of the last 7 days, percent, zero or "
            "positive; see drawdown_from_peak_pct for the usual sign",
        ),
        Column(
            "is_market_cap_derived",
            "boolean",
            "Whether market_cap_usd is price times circulating supply of a history point; null "
            "without a market cap",
            is_nullable=True,
        ),
        Column(
            "return_24h_pct",
            "numeric",
            "Change from the price 24 hours before the close, at most one hour older, to the "
            "close, percent",
            is_nullable=True,
        ),
        Column(
            "volatility_30d_pct",
            "numeric",
            "Sample standard deviation of the last 30 daily returns, percent",
            is_nullable=True,
        ),
        Column(
            "volatility_30d_annualized_pct",
            "numeric",
            "volatility_30d_pct times the square root of 365, percent",
            is_nullable=True,
        ),
        Column(
            "drawdown_from_peak_pct",
            "numeric",
            "Change from the highest price of the last 30 days to the close, percent, zero or "
            "negative",
            is_nullable=True,
        ),
        Column(
            "observations_expected",
            "bigint",
            "Length of the day divided by the shortest interval among its observations (snapshots: "
            "5 minutes), count",
            is_nullable=True,
        ),
        Column("source", "text", OBSERVED_BY, is_nullable=True),
    ),
    ("coin_id", "day"),
)

COIN_DAILY_MART = Mart(
    COIN_DAILY,
    (SNAPSHOT_FLOW.published, HISTORY_FLOW.published),
    assets="cryptoassets.assets.marts",
    lookback_days=LOOKBACK_DAYS,
    has_aliases=True,
)
