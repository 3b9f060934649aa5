"""Prices of the last 24 hours, as the checks of the warehouse need them.

What goes here: the query. What stays out: the statistics (in `transforms.moves`).
"""

from datetime import datetime, timedelta

import pyarrow as pa
from psycopg import sql

from cryptoassets.io_managers.publishing import in_window as within
from cryptoassets.resources.postgres import PostgresResource
from cryptoassets.schemas import COIN_PRICES, Table
from cryptoassets.stores.copying import copy_out

LOOKBACK = timedelta(hours=24)
# Shorter than the 5 minutes between scheduled snapshots, so that all of those are read. It divides
# the 23 sampled hours.
SAMPLE_STEP = timedelta(minutes=4)
UNSAMPLED_SPAN = timedelta(hours=1)
# All pages of one snapshot are observed within this time.
SNAPSHOT_SPAN = timedelta(seconds=30)

_OBSERVED = Table(
    "warehouse",
    "coin_prices",
    "Prices by which the behaviour of coins is judged.",
    tuple(c for c in COIN_PRICES.columns if c.name in ("coin_id", "observed_at", "price_usd")),
    COIN_PRICES.key,
)


def recent_prices(postgres: PostgresResource, before: datetime) -> pa.Table:
    """Prices of the 24 hours before a moment: coin_id, observed_at, price_usd.

    The newest hour is read completely. For the 23 hours before it, one snapshot per 4 minutes is
    read. Without this sampling, one snapshot of 2,000 coins per minute would yield 2.9 million rows
    per day.
    """
    query = sql.SQL(
        "SELECT coin_id, observed_at, price_usd FROM warehouse.coin_prices WHERE {whole} UNION ALL "
        "SELECT prices.coin_id, prices.observed_at, prices.price_usd "
        "FROM generate_series({start}::timestamptz, {recent} - {step}, {step}) AS step "
        "CROSS JOIN LATERAL (SELECT min(observed_at) AS first FROM warehouse.coin_prices "
        "WHERE observed_at >= step AND observed_at < step + {step}) AS snapshot "
        # OFFSET 0 is an optimisation fence: it makes the planner look each snapshot up by index.
        # Without it, a planner that expects millions of rows reads the whole month for each
        # snapshot, which took 30 s.
        "CROSS JOIN LATERAL (SELECT coin_id, observed_at, price_usd FROM warehouse.coin_prices "
        "WHERE observed_at >= snapshot.first "
        "AND observed_at < least(snapshot.first + {span}, step + {step}) OFFSET 0) AS prices"
    ).format(
        whole=within("observed_at", (before - UNSAMPLED_SPAN, before)),
        start=sql.Literal(before - LOOKBACK),
        recent=sql.Literal(before - UNSAMPLED_SPAN),
        step=sql.Literal(SAMPLE_STEP),
        span=sql.Literal(SNAPSHOT_SPAN),
    )
    with postgres.connect() as connection, connection.cursor() as cursor:
        cursor.execute("SET LOCAL enable_seqscan = off")
        return copy_out(cursor, _OBSERVED, query)
