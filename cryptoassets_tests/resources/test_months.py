"""`ensure_months` creates each monthly partition once, without blocking readers."""

from concurrent.futures import ThreadPoolExecutor
from datetime import date
from threading import Barrier

import psycopg
import pytest

from cryptoassets.errors import StoreError
from cryptoassets.resources.postgres import PostgresResource, ensure_months
from cryptoassets.stores.postgres_errors import typed_errors

pytestmark = pytest.mark.postgres

MONTHS = """
    SELECT inhrelid::regclass::text, pg_get_expr(relpartbound, oid)
    FROM pg_inherits JOIN pg_class ON oid = inhrelid
    WHERE inhparent = 'warehouse.coin_prices'::regclass ORDER BY 1
"""

PRICE = """
    INSERT INTO warehouse.coin_prices
        (coin_id, observed_at, price_usd, rank, source, fetched_at, raw_id)
    VALUES ('bitcoin', %s, 1, 1, 'simulator', now(), 'raw') RETURNING tableoid::regclass::text
"""


def test_months_are_created_once_with_bounds_in_utc(postgres: PostgresResource) -> None:
    """Any day of a month may be passed, and a second call changes nothing.

    December's partition ends on January 1 of the next year.
    """
    with postgres.connect() as connection:
        connection.execute("SET TimeZone = 'Asia/Tokyo'")

        ensure_months(connection, [date(2026, 12, 31), date(2026, 12, 1)])
        ensure_months(connection, [date(2026, 12, 5)])

        connection.execute("SET TimeZone = 'UTC'")
        bounds = "FOR VALUES FROM ('2026-12-01 00:00:00+00') TO ('2027-01-01 00:00:00+00')"
        months = connection.execute(MONTHS).fetchall()
    assert [("warehouse.coin_prices_2026_12", bounds)] == months


def test_rows_land_in_the_month_of_their_utc_time(postgres: PostgresResource) -> None:
    """The first instant of a month belongs to its partition; the instant before does not."""
    with postgres.connect() as connection:
        ensure_months(connection, [date(2026, 10, 1), date(2026, 11, 1)])

        before = connection.execute(PRICE, ["2026-10-31T23:59:59.999999Z"]).fetchone()
        first = connection.execute(PRICE, ["2026-11-01T00:00:00Z"]).fetchone()

    assert ("warehouse.coin_prices_2026_10",) == before
    assert ("warehouse.coin_prices_2026_11",) == first


def test_a_monthly_partition_has_the_primary_key_of_its_parent(postgres: PostgresResource) -> None:
    """A partition attached without its key would allow duplicate rows."""
    with postgres.connect() as connection:
        ensure_months(connection, [date(2026, 11, 1)])
        connection.execute(PRICE, ["2026-11-01T00:00:00Z"])

        with pytest.raises(psycopg.errors.UniqueViolation):
            connection.execute(PRICE, ["2026-11-01T00:00:00Z"])


def test_new_partitions_are_rolled_back_with_the_callers_transaction(
    postgres: PostgresResource,
) -> None:
    """A failed publication must not leave a new partition behind."""
    with postgres.connect() as connection:
        connection.execute("DELETE FROM warehouse.coin_prices")
        ensure_months(connection, [date(2026, 11, 1)])
        connection.rollback()

        assert [] == connection.execute(MONTHS).fetchall()


@pytest.mark.parametrize("autocommit", [True, False])
def test_several_callers_can_create_the_same_months_at_once(
    postgres: PostgresResource,
    autocommit: bool,  # noqa: FBT001 - a parameter of the test
) -> None:
    """Two runs may publish the first hour of a month at the same time."""
    start = Barrier(4)

    def make_months(_: int) -> None:
        with postgres.connect(autocommit=autocommit) as connection:
            start.wait(timeout=30)
            ensure_months(connection, [date(2026, 12, 1), date(2026, 11, 1)])

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(make_months, range(4)))

    with postgres.connect() as connection:
        assert 2 == len(connection.execute(MONTHS).fetchall())


def test_creating_a_month_neither_waits_for_readers_nor_blocks_them(
    postgres: PostgresResource,
) -> None:
    """A long query at the start of a month must not delay the hour's publication."""
    with postgres.connect() as reader, postgres.connect() as writer:
        reader.execute("SELECT * FROM warehouse.coin_prices")
        writer.execute("SET lock_timeout = '1s'")

        ensure_months(writer, [date(2026, 11, 1)])

        reader.execute("SET lock_timeout = '1s'")
        assert [] == reader.execute("SELECT * FROM marts.coin_latest").fetchall()


def test_an_error_names_another_programs_table_that_has_the_name_of_a_partition(
    database: str,
) -> None:
    """Such a table was once taken for the month's partition; rows were refused without a reason."""
    with psycopg.connect(database) as connection:
        connection.execute("CREATE TABLE warehouse.coin_prices_2026_11 (x int)")

        with (
            pytest.raises(StoreError, match=r'"coin_prices_2026_11" already .* rename or move it'),
            typed_errors("publishing", "here"),
        ):
            ensure_months(connection, [date(2026, 11, 1)])
