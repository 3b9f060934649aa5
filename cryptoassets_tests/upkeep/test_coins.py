"""Inconsistent coins: prices that a changed rule quarantines are not reported as missing."""

from datetime import UTC, datetime, timedelta

import psycopg
import pytest

from cryptoassets.coincap.documents import document_id
from cryptoassets.resources.postgres import ensure_months
from cryptoassets.upkeep.coins import inconsistent_coins

pytestmark = pytest.mark.postgres

FIRST = datetime(2026, 1, 5, 10, 15, 7, 618_000, tzinfo=UTC)
LAST = FIRST + timedelta(hours=3)


def plant(url: str, coin: str, *, priced: list[datetime], refused: list[datetime]) -> None:
    """Insert a coin seen at FIRST and LAST, and prices and quarantined documents at given times."""
    with psycopg.connect(url) as connection:
        connection.execute(
            "INSERT INTO warehouse.coins VALUES (%s, 'X', 'X', 1, NULL, NULL, %s, %s)",
            [coin, FIRST, LAST],
        )
        for moment in priced:
            connection.execute(
                "INSERT INTO warehouse.coin_prices (coin_id, observed_at, price_usd, rank, "
                "source, fetched_at, raw_id) VALUES (%s, %s, 1, 1, 'simulator', %s, %s)",
                [coin, moment, moment, document_id(coin, observed_at=moment, payload={})],
            )
        for moment in refused:
            connection.execute(
                "INSERT INTO warehouse.quarantine (raw_id, asset, partition_key, reasons, run_id) "
                "VALUES (%s, 'warehouse/coin_prices', %s, '{bad_text}', 'run')",
                [document_id(coin, observed_at=moment, payload={}), f"{moment:%Y-%m-%d-%H:00}"],
            )


def test_a_quarantined_price_is_distinguished_from_a_missing_one(database: str) -> None:
    """A command repairs the first case; in the second case, someone has edited the tables."""
    with psycopg.connect(database) as connection:
        ensure_months(connection, [FIRST.date().replace(day=1)])
    plant(database, "right", priced=[FIRST, LAST], refused=[])
    plant(database, "newest-refused", priced=[FIRST], refused=[LAST])
    plant(database, "both-refused", priced=[], refused=[FIRST, LAST])
    plant(database, "half-refused", priced=[], refused=[LAST])
    plant(database, "price-deleted", priced=[FIRST], refused=[FIRST])

    with psycopg.connect(database) as connection:
        connection.execute("SET TimeZone = 'UTC'")
        found = {coin.coin_id: coin.is_refused for coin in inconsistent_coins(connection)}

    refused = {"newest-refused": True, "both-refused": True}
    assert refused | {"half-refused": False, "price-deleted": False} == found
