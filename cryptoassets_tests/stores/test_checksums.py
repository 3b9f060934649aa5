"""Checksums change if and only if a value or a row changes."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import psycopg
import pytest

from cryptoassets import libpq
from cryptoassets.partitions.spans import Span, partition_name
from cryptoassets.resources.postgres import ensure_months
from cryptoassets.schemas import HISTORY_FLOW, SNAPSHOT_FLOW
from cryptoassets.stores.checksums import (
    NO_ROWS,
    clean_checksum,
    rows_checksum,
    rows_checksums,
    sum_checksums,
)
from cryptoassets_tests.io_managers.rows import broken_row, judged, judged_row

HOUR = Span(datetime(2026, 11, 23, 14, tzinfo=UTC), datetime(2026, 11, 23, 15, tzinfo=UTC))
NEXT_HOUR = Span(HOUR.end, HOUR.end + timedelta(hours=1))
MONTH = Span(datetime(2026, 11, 1, tzinfo=UTC), datetime(2026, 12, 1, tzinfo=UTC))
DAY = Span(datetime(2026, 11, 23, tzinfo=UTC), datetime(2026, 11, 24, tzinfo=UTC))
PRICES = """
    INSERT INTO warehouse.coin_prices
    SELECT name, %(at)s, price, price, NULL, 3, -4.5, 21, NULL, 1, 'simulator', %(at)s, name || '@'
    FROM (VALUES ('bitcoin', 60000.123456789012345678), ('ether', 3000.5), ('doge', 1e-18))
        AS coins (name, price)
"""
HISTORY = """
    INSERT INTO warehouse.coin_price_history
    VALUES ('bitcoin', 'h1', %(at)s, 60000, NULL, 'simulator', %(at)s, 'point')
"""
REFUSED = """
    INSERT INTO warehouse.quarantine VALUES
    ('odd@', 'warehouse/coin_prices', %(key)s, '{price_usd_negative}', '{"id": "odd"}', %(at)s, 'r')
"""
BITCOIN = "UPDATE warehouse.coin_prices SET {} WHERE coin_id = 'bitcoin'"


@pytest.fixture
def connection(database: str) -> Iterator[psycopg.Connection]:
    """A database that contains three prices, a quarantined document and a history point."""
    facts = {"at": HOUR.start + timedelta(minutes=5), "key": partition_name(HOUR)}
    with libpq.connect(database) as connection:
        ensure_months(connection, [HOUR.start.date()])
        for statement in (PRICES, REFUSED, HISTORY):
            connection.execute(statement, facts)
        yield connection


def checksum(connection: psycopg.Connection) -> str:
    """The checksum of the rows of `HOUR`."""
    return rows_checksum(connection.cursor(), SNAPSHOT_FLOW, HOUR)


@pytest.mark.postgres
@pytest.mark.parametrize(
    "change",
    [
        *(
            BITCOIN.format(f"{name} = {name} + 1e-18")
            for name in ("price_usd", "market_cap_usd", "vwap_usd_24h", "change_pct_24h", "supply")
        ),
        BITCOIN.format("volume_usd_24h = 0"),
        BITCOIN.format("max_supply = 0"),
        BITCOIN.format("vwap_usd_24h = NULL"),
        BITCOIN.format("price_usd = -price_usd"),
        BITCOIN.format("rank = 2"),
        BITCOIN.format("source = 'Simulator'"),
        BITCOIN.format("observed_at = observed_at + interval '1 us'"),
        BITCOIN.format("fetched_at = fetched_at - interval '1 us'"),
        BITCOIN.format("raw_id = raw_id || ' '"),
        BITCOIN.format("coin_id = 'Bitcoin'"),
        BITCOIN.format("max_supply = supply, supply = 0"),
        "DELETE FROM warehouse.coin_prices WHERE coin_id = 'doge'",
        PRICES.replace("name, %(at)s, price", "upper(name), %(at)s, price"),
        "UPDATE warehouse.quarantine SET reasons = '{price_usd_missing}'",
        "UPDATE warehouse.quarantine SET reasons = reasons || reasons",
        "UPDATE warehouse.quarantine SET payload = NULL",
        "UPDATE warehouse.quarantine SET payload = payload || ' '",
        "UPDATE warehouse.quarantine SET raw_id = 'other'",
        "UPDATE warehouse.quarantine SET first_seen_at = NULL",
        "UPDATE warehouse.quarantine SET partition_key = 'another'",
        "DELETE FROM warehouse.quarantine",
    ],
)
def test_a_change_of_one_value_changes_the_checksum(
    connection: psycopg.Connection, change: str
) -> None:
    """Every digit of an amount is included."""
    before = checksum(connection)

    connection.execute(change, {"at": HOUR.start, "key": partition_name(HOUR)})

    assert before != checksum(connection)


@pytest.mark.postgres
def test_swapping_a_value_between_two_rows_changes_the_checksum(
    connection: psycopg.Connection,
) -> None:
    """A plain sum of row hashes would not change: a row hash is a weighted sum of value hashes."""
    before = checksum(connection)

    connection.execute(
        "UPDATE warehouse.coin_prices SET price_usd = 63000.623456789012345678 - price_usd "
        "WHERE coin_id IN ('bitcoin', 'ether')"
    )

    swapped = connection.execute(
        "SELECT price_usd::text FROM warehouse.coin_prices WHERE coin_id = 'ether'"
    ).fetchone()
    assert ("60000.123456789012345678",) == swapped
    assert before != checksum(connection)


@pytest.mark.postgres
def test_the_checksum_does_not_depend_on_row_order_or_run(
    connection: psycopg.Connection,
) -> None:
    """A rebuild is another run, and may write the same rows in another order."""
    before = checksum(connection)

    connection.execute("CREATE TEMPORARY TABLE old AS SELECT * FROM warehouse.coin_prices")
    connection.execute("DELETE FROM warehouse.coin_prices")
    connection.execute("INSERT INTO warehouse.coin_prices SELECT * FROM old ORDER BY coin_id DESC")
    connection.execute("UPDATE warehouse.quarantine SET run_id = 'another'")

    assert before == checksum(connection)


@pytest.mark.postgres
def test_the_checksum_is_the_same_in_every_session_and_version_of_postgresql(
    connection: psycopg.Connection,
) -> None:
    """The ledger keeps checksums for years, and the server may be upgraded in the meantime."""
    connection.execute("SET TimeZone = 'Asia/Kathmandu'; SET DateStyle = 'German'")
    connection.execute("SET IntervalStyle = 'iso_8601'; SET extra_float_digits = -3")

    assert "3:6908795724181887119 1:-62890125314871639" == checksum(connection)


@pytest.mark.postgres
def test_checksums_of_a_span_equal_those_of_its_partitions(
    connection: psycopg.Connection,
) -> None:
    """`audit` reads a month at once, and a publication reads a single partition."""
    cursor = connection.cursor()
    connection.execute(PRICES, {"at": NEXT_HOUR.start})
    hours = [(window, partition_name(window)) for window in (HOUR, NEXT_HOUR)]

    together = rows_checksums(cursor, SNAPSHOT_FLOW, MONTH)

    assert {key: rows_checksum(cursor, SNAPSHOT_FLOW, w) for w, key in hours} == together
    assert {"2026-11-23"} == rows_checksums(cursor, HISTORY_FLOW, MONTH).keys()
    assert rows_checksum(cursor, HISTORY_FLOW, DAY) != NO_ROWS


@pytest.mark.postgres
def test_a_partition_without_rows_has_the_checksum_no_rows(connection: psycopg.Connection) -> None:
    """The ledger has a checksum for an empty partition, too."""
    empty = Span(MONTH.start, MONTH.start + timedelta(hours=1))

    assert NO_ROWS == rows_checksum(connection.cursor(), SNAPSHOT_FLOW, empty)


def test_the_checksum_of_cleaned_rows_does_not_depend_on_order_or_files() -> None:
    """A rebuild writes other files, but the checksum in the ledger must not change."""
    rows = judged(*(judged_row(f"coin-{n}") for n in range(5)), broken_row("broken"))
    backwards = rows.take([5, 4, 3, 2, 1, 0])

    whole = clean_checksum(rows)

    assert whole == clean_checksum(backwards)
    assert whole == sum_checksums(
        clean_checksum(part) for part in (rows.slice(4), rows.slice(0, 4))
    )
    assert "0:0" == clean_checksum(rows.slice(0, 0)) == sum_checksums([])


def test_the_checksum_of_cleaned_rows_is_stable_across_releases() -> None:
    """Otherwise existing partitions would count as damaged after an update."""
    rows = judged(judged_row("a", raw_id="a"), broken_row(raw_id="b"))

    assert "2:18302762274284802481" == clean_checksum(rows)


@pytest.mark.parametrize(
    "change",
    [
        {"price_usd": Decimal("1.500000000000000001")},
        {"price_usd": None},
        {"explorer": ""},
        {"fetched_at": judged_row()["fetched_at"] + timedelta(milliseconds=1)},
        {"reasons": ["rank_missing"]},
        {"outcome": "superseded"},
        {"payload": "{}"},
    ],
    ids=lambda change: next(iter(change)),
)
def test_each_value_of_a_cleaned_row_is_included(change: dict[str, Any]) -> None:
    """A single digit matters, null is not an empty string, and swapped values are noticed."""
    one, other = judged_row("a"), judged_row("b", **change)
    swapped = judged(judged_row("a", **change), judged_row("b"))

    checksums = {clean_checksum(judged(one, row)) for row in (judged_row("b"), other)}

    assert 2 == len(checksums)
    assert clean_checksum(swapped) not in checksums
