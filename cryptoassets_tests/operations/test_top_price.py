"""The price of the top coin in the summary of `run`."""

from datetime import date
from decimal import Decimal

import psycopg
import pytest

from cryptoassets.operations.top_price import TopPrice, read_top_price
from cryptoassets.resources.postgres import ensure_months

_PLANTED = """
    INSERT INTO warehouse.coins (coin_id, symbol, name, rank, first_seen_at, last_seen_at) VALUES
        ('ethereum', 'ETH', 'Ethereum', 2, '2026-10-31Z', '2026-10-31Z'),
        ('bitcoin', 'BTC', 'Bitcoin', 1, '2026-10-31Z', '2026-10-31Z'),
        ('former', 'OLD', 'Former', 1, '2026-10-01Z', '2026-10-01Z');
    INSERT INTO warehouse.coin_prices (coin_id, observed_at, price_usd, rank, source, fetched_at,
        raw_id) SELECT coin_id, observed_at::timestamptz, price_usd, 1, 'replay', now(), price_usd
    FROM (VALUES ('ethereum', '2026-10-31 10:00Z', 3), ('bitcoin', '2026-10-31 09:00Z', 1),
        ('bitcoin', '2026-10-31 10:00Z', 2), ('former', '2026-10-01 10:00Z', 4))
        AS planted (coin_id, observed_at, price_usd)
"""


@pytest.mark.postgres
def test_it_is_the_newest_price_of_the_coin_that_has_rank_1_now(database: str) -> None:
    """A coin that left the list keeps its last rank."""
    with psycopg.connect(database) as connection:
        assert read_top_price(connection) is None
        ensure_months(connection, [date(2026, 10, 1)])
        connection.execute(_PLANTED)

        assert TopPrice("BTC", Decimal(2), "replay") == read_top_price(connection)


@pytest.mark.parametrize(
    ("price", "words"),
    [
        (TopPrice("BTC", Decimal("82121.034567"), "simulator"), "BTC 82,121.03 USD (simulated)"),
        (TopPrice("BTC", Decimal("1"), "replay"), "BTC 1.00 USD (replayed)"),
        (TopPrice("SHIB", Decimal("0.0000123456"), "coincap"), "SHIB 0.00001235 USD"),
    ],
)
def test_a_price_that_is_not_real_is_marked(price: TopPrice, words: str) -> None:
    """Nobody may mistake a simulated price for a real one."""
    assert words == str(price)
