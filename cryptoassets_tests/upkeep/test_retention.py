"""Retention deletes publication records that are as old as the data that it deletes."""

from datetime import UTC, datetime, timedelta

import psycopg
import pytest

from cryptoassets.resources.postgres import PostgresResource
from cryptoassets.upkeep.retention import delete_load_history

pytestmark = pytest.mark.postgres

PUBLISHED = """
    INSERT INTO warehouse.load_history
    VALUES (%s, 'warehouse/coin_prices', '2026-01-05-10:00', 'r', 1, 1, 0, 0, 1, 0, %s)
"""


def test_old_publication_records_are_counted_and_then_deleted(
    database: str, postgres: PostgresResource
) -> None:
    """`run --every` adds thousands of records per day."""
    bound = datetime(2026, 1, 5, tzinfo=UTC)
    with psycopg.connect(database) as connection:
        for number, hours in enumerate((-2, -1, 0)):
            connection.execute(PUBLISHED, [number, bound + timedelta(hours=hours)])

    counted, deleted, remaining = (
        delete_load_history(postgres, bound, is_dry_run=is_dry_run)
        for is_dry_run in (True, False, False)
    )

    assert (2, 2, 0) == (counted, deleted, remaining)
    with psycopg.connect(database) as connection:
        kept = connection.execute("SELECT publication FROM warehouse.load_history").fetchall()
    assert [(2,)] == kept
