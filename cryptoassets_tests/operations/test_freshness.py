"""Freshness is the age of the newest price, regardless of when it was published."""

from datetime import UTC, date, datetime, timedelta

import psycopg
import pytest

from cryptoassets.operations.freshness import read_freshness
from cryptoassets.resources.postgres import PostgresResource, ensure_months
from cryptoassets.schemas import COIN_PRICES

pytestmark = pytest.mark.postgres

ALLOWED = timedelta(minutes=90)
_PRICE = """
    INSERT INTO warehouse.coin_prices (coin_id, observed_at, price_usd, rank, source, fetched_at,
        raw_id) VALUES ('bitcoin', %s, 1, 1, 'replay', now(), %s)
"""


@pytest.mark.parametrize(
    ("minutes", "sentence"),
    [
        (2, "Freshness: the newest price is 2.0 min old (limit: 90 min)."),
        (91, "Stale: the newest price is 91 min old (limit: 90 min)."),
    ],
)
def test_a_price_is_fresh_for_90_minutes(
    postgres: PostgresResource, database: str, minutes: int, sentence: str
) -> None:
    """A replay publishes old prices now, but that does not make them fresh."""
    at = datetime.now(UTC) - timedelta(minutes=minutes)
    with psycopg.connect(database) as connection:
        ensure_months(connection, [date(at.year, at.month, 1)])
        connection.execute(_PRICE, [at, "a"])

    with postgres.connect() as connection:
        found = read_freshness(connection, COIN_PRICES, ALLOWED)

    assert sentence == found.sentence()
    assert found.is_fresh is (minutes < 90)


def test_without_a_price_nothing_is_fresh(postgres: PostgresResource) -> None:
    """Either there was no run yet, or no run has published a price."""
    with postgres.connect() as connection:
        found = read_freshness(connection, COIN_PRICES, ALLOWED)

    assert "No price has been published yet." == found.sentence()
    assert not found.is_fresh
