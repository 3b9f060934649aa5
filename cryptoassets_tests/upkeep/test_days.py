"""A day's marts are stale if their inputs have new publication numbers, or if rows are missing."""

import json
from datetime import date

import psycopg
import pytest

from cryptoassets.resources.postgres import PostgresResource
from cryptoassets.upkeep.days import stale_mart_days

pytestmark = [pytest.mark.postgres]

DAY, NEXT_DAY, LATER = date(2026, 1, 5), date(2026, 1, 6), date(2026, 1, 12)  # DAY is a Monday
PRICES, HISTORY = "warehouse/coin_prices", "warehouse/coin_price_history"
RENUMBER = "UPDATE warehouse.loads SET publication = 9"
LOADED = """
    INSERT INTO warehouse.loads (asset, partition_key, run_id, raw_rows, loaded_rows,
        quarantined_rows, superseded_rows, loaded_at, publication)
    VALUES (%s, %s, 'r', 1, %s, 1 - %s, 0, now(), %s)
"""
MART_LOADED = """
    INSERT INTO warehouse.mart_loads VALUES (%s, %s, 'r', %s, 1, %s,
        CASE WHEN %s <> 'marts/market_daily' THEN (
            SELECT md5(coalesce(string_agg(alias || ' ' || coin_id, ',' ORDER BY alias), ''))
            FROM warehouse.coin_aliases
        ) END, now())
"""
COIN = "INSERT INTO marts.coin_daily VALUES ('bitcoin', %s, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1)"
CANDLE = "INSERT INTO marts.coin_candles VALUES ('bitcoin', %s, %s, 1, 1, 1, 1, 1, 1, 'history')"
MARKET = "INSERT INTO marts.market_daily VALUES (%s, 1, 1, 1, 1, 1, 1)"


def load(connection: psycopg.Connection, asset: str, key: str, number: int, rows: int = 1) -> None:
    """Insert the ledger row for a partition with one document.

    The document is valid if `rows` is 1, and quarantined if it is 0.
    """
    connection.execute(LOADED, [asset, key, rows, rows, number])


def compute_marts(
    connection: psycopg.Connection, day: date, number: int, inputs: dict[str, int]
) -> None:
    """Insert one row into each mart, and record `inputs` as its inputs."""
    coins = {f"marts/coin_daily {day}": number}
    of_day = {name: version for name, version in inputs.items() if name.endswith(str(day))}
    for mart, publication, made_from in (
        ("marts/coin_daily", number, inputs),
        ("marts/market_daily", number + 1, coins),
        ("marts/coin_candles", number + 1, of_day | coins),
    ):
        facts = [mart, str(day), publication, json.dumps(made_from), mart]
        connection.execute(MART_LOADED, facts)
    connection.execute(COIN, [day])
    connection.execute("UPDATE marts.coin_daily SET source = 'history'")
    connection.execute(CANDLE, ["d1", f"{day}Z"])
    connection.execute(f"{CANDLE} ON CONFLICT DO NOTHING", ["w1", f"{DAY}Z"])
    connection.execute(MARKET, [day])


@pytest.fixture
def fresh_marts(database: str) -> str:
    """Prices of two days, and up-to-date marts of both days."""
    with psycopg.connect(database) as connection:
        load(connection, PRICES, f"{DAY}-10:00", 1)
        load(connection, PRICES, f"{DAY}-11:00", 0, rows=0)
        load(connection, PRICES, f"{DAY}-12:00", 6)
        load(connection, HISTORY, str(NEXT_DAY), 2)
        # The version of a day is the sum of its hours' publication numbers.
        first = {f"{PRICES} {DAY}": 7}
        compute_marts(connection, DAY, 3, first)
        compute_marts(connection, NEXT_DAY, 5, first | {f"{HISTORY} {NEXT_DAY}": 2})
    return database


def test_marts_made_from_the_current_publications_are_not_stale(
    fresh_marts: str, postgres: PostgresResource
) -> None:
    """An hour whose documents are all in quarantine does not make the marts stale either."""
    assert [] == stale_mart_days(postgres)


@pytest.mark.parametrize(
    ("statement", "stale"),
    [
        (f"{RENUMBER} WHERE asset = '{PRICES}'", [DAY, NEXT_DAY]),
        (f"{RENUMBER} WHERE asset = '{HISTORY}'", [NEXT_DAY]),
        ("DELETE FROM warehouse.loads WHERE publication = 2", [NEXT_DAY]),
        ("DELETE FROM warehouse.coin_aliases", [DAY, NEXT_DAY]),
        ("UPDATE warehouse.mart_loads SET publication = 9 WHERE publication = 3", [DAY]),
        ("DELETE FROM warehouse.mart_loads WHERE publication = 3", [DAY]),
        ("DELETE FROM marts.coin_daily WHERE day = '2026-01-06'", [NEXT_DAY]),
        ("DELETE FROM marts.market_daily WHERE day = '2026-01-06'", [NEXT_DAY]),
        ("DELETE FROM warehouse.mart_loads WHERE asset LIKE '%candles'", [DAY, NEXT_DAY]),
        ("DELETE FROM marts.coin_candles WHERE start_at = '2026-01-06Z'", [NEXT_DAY]),
        ("DELETE FROM marts.coin_candles WHERE interval = 'w1'", [DAY, NEXT_DAY]),
        ("DELETE FROM warehouse.loads WHERE partition_key = '2026-01-05-12:00'", [DAY, NEXT_DAY]),
        (f"{RENUMBER}, partition_key = '2026-01-12' WHERE asset = '{HISTORY}'", [NEXT_DAY, LATER]),
        (f"{RENUMBER}, expired_at = now()", []),
    ],
)
def test_marts_are_stale_if_a_publication_number_differs_or_rows_are_missing(
    fresh_marts: str, postgres: PostgresResource, statement: str, stale: list[date]
) -> None:
    """Causes: a run killed between prices and marts, a new alias, manual changes in psql.

    Days whose marts use expired prices are never stale, because they cannot be computed again.
    """
    with psycopg.connect(fresh_marts) as connection:
        connection.execute(statement)  # type: ignore[arg-type]

    assert stale == stale_mart_days(postgres)
