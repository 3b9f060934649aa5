"""The view `warehouse.pipeline_daily` shows documents, lag and credits per UTC day."""

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

import psycopg
import pytest

from cryptoassets.resources.postgres import ensure_months

pytestmark = pytest.mark.postgres

HOUR = datetime(2026, 11, 23, 4, tzinfo=UTC)
PRICE = """
    INSERT INTO warehouse.coin_prices (coin_id, observed_at, price_usd, rank, source, fetched_at,
        raw_id)
    VALUES ('bitcoin', %s, 1, 1, 'simulator', %s, %s)
"""
LOADED = "INSERT INTO warehouse.loads VALUES (%s, %s, 'r', %s, %s, %s, 0, now())"
PUBLISHED = """
    INSERT INTO warehouse.load_history
    VALUES (%s, 'warehouse/coin_prices', '2026-11-23-04:00', 'r', 1, 1, 0, 0, %s, 0, %s)
"""
SPENT = "INSERT INTO warehouse.credits VALUES (%s, %s, %s, %s)"


def test_each_day_shows_its_lag_documents_and_credits(database: str) -> None:
    """The lag is the median over the day's publications, without those that changed no prices."""
    with psycopg.connect(database) as connection:
        connection.execute("SET TimeZone = 'America/New_York'")
        ensure_months(connection, [HOUR.date()])
        for minutes in (0, 5, 10):
            at = HOUR + timedelta(minutes=minutes)
            connection.execute(PRICE, [at, at + timedelta(seconds=1), str(minutes)])
        for number, (minutes, seconds, rows) in enumerate(
            ((0, 3, 1), (5, 8, 1), (10, 90, 1), (59, 0, 0))
        ):
            moment = HOUR + timedelta(minutes=minutes, seconds=seconds)
            connection.execute(PUBLISHED, [number, rows, moment])
        connection.execute(LOADED, ["warehouse/coin_prices", "2026-11-23-04:00", 150, 149, 1])
        connection.execute(LOADED, ["warehouse/coin_price_history", "2026-11-23", 50, 50, 0])
        connection.execute(SPENT, [HOUR, "/assets", 18, 17])
        connection.execute(SPENT, [HOUR + timedelta(hours=20), "/assets", 18, None])
        connection.execute(SPENT, [HOUR, "/rates", 2, None])

        days = connection.execute("SELECT * FROM warehouse.pipeline_daily ORDER BY 1").fetchall()

    first = (date(2026, 11, 23), 3, 8, 200, 199, 1, 0, Decimal("0.5"), 19)
    next_day = (date(2026, 11, 24), 0, None, 0, 0, 0, 0, None, 18)
    assert [first, next_day] == days
