"""Comparing rows: equal rows are recognized in different formats, and any difference is found."""

from pathlib import Path

import psycopg
import pytest

from benchmarks.measuring import BenchError
from benchmarks.rows import OURS, RIVAL, dump, fail_if_rows_differ
from benchmarks.ways import rival_tables

_PRICES = """
INSERT INTO {schema}.coin_prices (coin_id, observed_at, price_usd, market_cap_usd, volume_usd_24h,
    vwap_usd_24h, change_pct_24h, supply, max_supply, rank, source, fetched_at, raw_id)
VALUES ('bitcoin', '2026-01-01 10:00Z', {price}, 2, NULL, 1.5, -3, 1, NULL, 1, 'simulator',
    '2026-01-01 10:00:01Z', 'bitcoin@1')
"""
_OURS_IN_QUARANTINE = """
INSERT INTO warehouse.quarantine
VALUES ('coin@1', 'warehouse/coin_prices', '2026-01-01-10:00',
    '{rank_missing,price_usd_not_positive}', '{"id": "coin", "priceUsd": -1.0, "tokens": {}}',
    '2026-01-01 10:00:01Z', 'run')
"""
_RIVAL_IN_QUARANTINE = """
INSERT INTO rival.quarantine
VALUES ('coin@1', 'price_usd_not_positive,rank_missing', '{"id": "coin", "priceUsd": "-1.0"}')
"""


def published(database: str, folder: Path, price_of_rival: str) -> None:
    """Write a price and a quarantined document in both formats, then compare them."""
    rival_tables.create(database)
    with psycopg.connect(database) as connection:
        connection.execute(
            "CREATE TABLE warehouse.coin_prices_2026_01 PARTITION OF warehouse.coin_prices "
            "FOR VALUES FROM ('2026-01-01Z') TO ('2026-02-01Z')"
        )
        connection.execute(_PRICES.format(schema="warehouse", price="0.1").encode())
        connection.execute(_PRICES.format(schema="rival", price=price_of_rival).encode())
        connection.execute(_OURS_IN_QUARANTINE)
        connection.execute(_RIVAL_IN_QUARANTINE)
    ours, other = (
        dump(database, target, folder, name) for target, name in ((OURS, "ours"), (RIVAL, "other"))
    )
    assert 2 == fail_if_rows_differ(ours, other, "ordinary Spark")


@pytest.mark.postgres
def test_equal_rows_are_equal_in_every_storage_format(database: str, tmp_path: Path) -> None:
    """Programs store reasons in different orders, and some store a payload's numbers as text."""
    published(database, tmp_path, "0.1")


@pytest.mark.postgres
def test_one_different_digit_is_found(database: str, tmp_path: Path) -> None:
    """A program that rounds amounts would do less work than the other programs."""
    with pytest.raises(BenchError, match=r"prices rows of ordinary Spark differ (.|\n)*bitcoin"):
        published(database, tmp_path, "0.100000000000000001")


@pytest.mark.postgres
def test_comparing_two_programs_without_rows_fails(database: str, tmp_path: Path) -> None:
    """Both programs may have read an empty data lake."""
    rows = dump(database, OURS, tmp_path, "ours")

    with pytest.raises(BenchError, match="written a row"):
        fail_if_rows_differ(rows, rows, "dlt merge")


@pytest.mark.postgres
def test_staged_rows_are_published_once(database: str) -> None:
    """Running the upsert twice must not duplicate rows."""
    rival_tables.create(database)
    with psycopg.connect(database) as connection:
        staged = _PRICES.format(schema="rival", price="1").replace("coin_prices", "staged_prices")
        connection.execute(staged.encode())

    rival_tables.upsert(database)
    rival_tables.upsert(database)

    with psycopg.connect(database) as connection:
        assert [(1,)] == connection.execute("SELECT count(*) FROM rival.coin_prices").fetchall()
