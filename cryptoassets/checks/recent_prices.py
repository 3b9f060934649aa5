"""Reads the prices of the last 24 hours for the checks of the warehouse.

What goes here: the query. What stays out: the statistics (in `transforms.moves`).
"""

from datetime import datetime, timedelta

import pyarrow as pa
import pyarrow.compute as pc
from psycopg import sql

from cryptoassets.partitions.spans import Span
from cryptoassets.resources.postgres import PostgresResource
from cryptoassets.schemas import COIN_PRICES, Table
from cryptoassets.stores.copying import copy_out
from cryptoassets.stores.publishing import in_window as within

LOOKBACK = timedelta(hours=24)
# Shorter than the 5 minutes between scheduled snapshots, so that all scheduled snapshots are read.
# The 23 sampled hours must be a multiple of this step.
SAMPLE_STEP = timedelta(minutes=4)
UNSAMPLED_SPAN = timedelta(hours=1)
# A snapshot is fetched in pages, whose timestamps differ by less than this.
SNAPSHOT_SPAN = timedelta(seconds=30)

_OBSERVED = Table(
    "warehouse",
    "coin_prices",
    "Recent prices, in which unusual moves are detected.",
    tuple(c for c in COIN_PRICES.columns if c.name in ("coin_id", "observed_at", "price_usd")),
    COIN_PRICES.key,
)


_WHOLE = sql.SQL("SELECT coin_id, observed_at, price_usd FROM warehouse.coin_prices WHERE {whole}")
_SAMPLED = sql.SQL(
    "SELECT prices.coin_id, prices.observed_at, prices.price_usd "
    "FROM generate_series({start}::timestamptz, {end} - {step}, {step}) AS step "
    "CROSS JOIN LATERAL (SELECT min(observed_at) AS first FROM warehouse.coin_prices "
    "WHERE observed_at >= step AND observed_at < step + {step}) AS snapshot "
    # OFFSET 0 is an optimisation fence: it makes the planner look up each snapshot by index.
    # Without it, a planner that expects millions of rows reads a whole month's prices for each
    # snapshot, which took 30 s.
    "CROSS JOIN LATERAL (SELECT coin_id, observed_at, price_usd FROM warehouse.coin_prices "
    "WHERE observed_at >= snapshot.first "
    "AND observed_at < least(snapshot.first + {span}, step + {step}) OFFSET 0) AS prices"
)


class RecentPrices:
    """The prices of the 24 hours up to the end of each hour of a run.

    The last hour is read completely. For the 23 hours before it, one snapshot per 4 minutes is
    read. Without this sampling, one snapshot of 2,000 coins per minute would yield 2.9 million rows
    per day. The samples are read once for all hours of a run.

    Args:
        postgres: the warehouse.
        hours: from the start of the run's first hour to the end of its last hour.
    """

    def __init__(self, postgres: PostgresResource, hours: Span) -> None:
        self._postgres = postgres
        self._sampled = self._read(
            _SAMPLED.format(
                start=sql.Literal(hours.start + UNSAMPLED_SPAN - LOOKBACK),
                end=sql.Literal(hours.end - UNSAMPLED_SPAN),
                step=sql.Literal(SAMPLE_STEP),
                span=sql.Literal(SNAPSHOT_SPAN),
            )
        )

    def before(self, end: datetime) -> pa.Table:
        """Return coin_id, observed_at and price_usd of the 24 hours before `end`, unordered."""
        newest = Span(end - UNSAMPLED_SPAN, end)
        whole = self._read(_WHOLE.format(whole=within("observed_at", newest)))
        moments = self._sampled["observed_at"]
        is_past = pc.and_(
            pc.greater_equal(moments, pa.scalar(end - LOOKBACK, moments.type)),
            pc.less(moments, pa.scalar(newest.start, moments.type)),
        )
        return pa.concat_tables([whole, self._sampled.filter(is_past)])

    def _read(self, query: sql.Composed) -> pa.Table:
        with self._postgres.connect() as connection, connection.cursor() as cursor:
            cursor.execute("SET LOCAL enable_seqscan = off")
            return copy_out(cursor, _OBSERVED, query)
