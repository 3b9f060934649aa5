"""What checks of the warehouse ask it: prices of the last day.

What goes here: reads across stores. What stays out: what the answers mean (in `transforms`).
"""

from datetime import datetime, timedelta

import pyarrow as pa
import pyarrow.compute as pc
from psycopg import sql

from cryptoassets.io_managers.publishing import in_window as within
from cryptoassets.partitions.spans import Span
from cryptoassets.resources.postgres import PostgresResource
from cryptoassets.schemas import COIN_PRICES, Table
from cryptoassets.stores.copying import copy_out

PAST_OF_MOVES = timedelta(hours=24)
# Less than the 5 minutes of schedules, whose snapshots are all looked at; divides the 23 hours.
STEP_OF_MOVES = timedelta(minutes=4)
WHOLE_OF_MOVES = timedelta(hours=1)
# The pages of one snapshot come within it.
SNAPSHOT_SPAN = timedelta(seconds=30)

_OBSERVED = Table(
    "warehouse",
    "coin_prices",
    "What the behaviour of prices is judged by.",
    tuple(c for c in COIN_PRICES.columns if c.name in ("coin_id", "observed_at", "price_usd")),
    COIN_PRICES.key,
)


_WHOLE = sql.SQL("SELECT coin_id, observed_at, price_usd FROM warehouse.coin_prices WHERE {whole}")
_SAMPLED = sql.SQL(
    "SELECT prices.coin_id, prices.observed_at, prices.price_usd "
    "FROM generate_series({start}::timestamptz, {end} - {step}, {step}) AS step "
    "CROSS JOIN LATERAL (SELECT min(observed_at) AS first FROM warehouse.coin_prices "
    "WHERE observed_at >= step AND observed_at < step + {step}) AS snapshot "
    # Fenced, so that each snapshot is looked up: a planner that guesses millions of rows reads the
    # month for each of them, which has taken half a minute.
    "CROSS JOIN LATERAL (SELECT coin_id, observed_at, price_usd FROM warehouse.coin_prices "
    "WHERE observed_at >= snapshot.first "
    "AND observed_at < least(snapshot.first + {span}, step + {step}) OFFSET 0) AS prices"
)


class RecentPrices:
    """Prices of the 24 hours before the end of each hour of a run: coin_id, observed_at, price_usd.

    Of micro-batches not all: what was observed in the newest hour, and before that one snapshot per
    few minutes, or a day of 2,000 coins per minute would be 2.9 million rows. The hours of a run
    share these snapshots, which are read once.

    Args:
        postgres: the warehouse.
        hours: from the start of the first hour to the end of the last.
    """

    def __init__(self, postgres: PostgresResource, hours: Span) -> None:
        self._postgres = postgres
        self._sampled = self._read(
            _SAMPLED.format(
                start=sql.Literal(hours.start + WHOLE_OF_MOVES - PAST_OF_MOVES),
                end=sql.Literal(hours.end - WHOLE_OF_MOVES),
                step=sql.Literal(STEP_OF_MOVES),
                span=sql.Literal(SNAPSHOT_SPAN),
            )
        )

    def before(self, end: datetime) -> pa.Table:
        """Prices by which the hour that ends there is judged, unordered."""
        newest = Span(end - WHOLE_OF_MOVES, end)
        whole = self._read(_WHOLE.format(whole=within("observed_at", newest)))
        moments = self._sampled["observed_at"]
        is_past = pc.and_(
            pc.greater_equal(moments, pa.scalar(end - PAST_OF_MOVES, moments.type)),
            pc.less(moments, pa.scalar(newest.start, moments.type)),
        )
        return pa.concat_tables([whole, self._sampled.filter(is_past)])

    def _read(self, query: sql.Composed) -> pa.Table:
        with self._postgres.connect() as connection, connection.cursor() as cursor:
            cursor.execute("SET LOCAL enable_seqscan = off")
            return copy_out(cursor, _OBSERVED, query)
