"""The counts that `run` and `status` show are read from the ledger."""

from datetime import date

import psycopg
import pytest

from cryptoassets.operations.session import open_stores
from cryptoassets.operations.store_counts import StoreCount, store_counts
from cryptoassets.resources.mongo import MongoResource
from cryptoassets.resources.postgres import PostgresResource, ensure_months

pytestmark = [pytest.mark.mongo, pytest.mark.postgres]

_PLANTED = """
    INSERT INTO warehouse.loads (asset, partition_key, run_id, raw_rows, loaded_rows,
        quarantined_rows, superseded_rows, loaded_at, expired_at) VALUES
        ('warehouse/coin_prices', '2026-10-31-22:00', 'r', 5, 4, 1, 0, now(), NULL),
        ('warehouse/coin_prices', '2026-10-31-23:00', 'r', 3, 3, 0, 0, now(), NULL),
        ('warehouse/coin_prices', '2020-01-01-00:00', 'r', 90, 80, 10, 0, now(), now()),
        ('warehouse/coin_price_history', '2026-10-31', 'r', 9, 7, 2, 0, now(), NULL);
    INSERT INTO warehouse.mart_loads VALUES
        ('marts/coin_daily', '2026-10-30', 'r', 1, 11, '{}', NULL, now()),
        ('marts/coin_daily', '2026-10-31', 'r', 1, 12, '{}', NULL, now()),
        ('marts/coin_daily', '2026-11-01', 'r', 1, 0, '{}', NULL, now());
    INSERT INTO warehouse.quarantine VALUES
        ('a', 'warehouse/coin_price_history', '2026-10-31', '{odd}', NULL, '2026-11-02Z', 'r'),
        ('b', 'warehouse/coin_prices', '2026-10-31-22:00', '{odd}', NULL, '2026-10-31 22:05Z', 'r');
    INSERT INTO warehouse.coin_prices (coin_id, observed_at, price_usd, rank, source, fetched_at,
        raw_id) VALUES ('bitcoin', '2026-10-31 23:05Z', 1, 1, 'simulator', now(), 'c')
"""


def test_row_counts_come_from_the_ledger_without_expired_partitions(
    postgres: PostgresResource, mongo: MongoResource, database: str
) -> None:
    """Counting years of prices would make `status` seconds slower."""
    with psycopg.connect(database) as connection:
        ensure_months(connection, [date(2026, 10, 1)])
        connection.execute(_PLANTED)

    with open_stores() as stores:
        counts = {one.name: one for one in store_counts(stores) if one.store == "PostgreSQL"}

    shown = {name: (count.rows, count.newest) for name, count in counts.items()}
    assert {
        "warehouse.coins": (0, None),
        "warehouse.coin_prices": (7, "2026-10-31T23:05:00+00:00"),
        "warehouse.coin_price_history": (7, None),
        "warehouse.fx_rates": (0, None),
        "warehouse.quarantine": (3, "2026-10-31T22:05:00+00:00"),
        "marts.coin_daily": (23, "2026-10-31"),
        "marts.coin_candles": (0, None),
        "marts.market_daily": (0, None),
    } == shown
    assert ["warehouse.coins"] == [c.name for c in counts.values() if not c.is_by_ledger]
    assert isinstance(counts["warehouse.coins"], StoreCount)
