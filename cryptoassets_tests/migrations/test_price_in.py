"""Prices in another currency: which rate is used, and exact rounding."""

from collections.abc import Iterator
from decimal import ROUND_HALF_UP, Context, Decimal

import psycopg
import pytest

pytestmark = pytest.mark.postgres

FRIDAY = "2026-04-03"
"""Good Friday: the ECB publishes no rates from this day to Easter Monday, 6 April."""


@pytest.fixture
def connection(database: str) -> Iterator[psycopg.Connection]:
    """A connection with the role analyst, in a transaction that has inserted rates."""
    with psycopg.connect(database) as connection:
        for currency, symbol, moment, rate in (
            ("euro", "EUR", "2026-05-05 10:00+00", "1.1"),
            ("euro", "EUR", "2026-05-05 16:00+00", "1.2"),
            ("japanese-yen", "JPY", "2026-05-05 16:00+00", "0.007"),
        ):
            connection.execute(
                "INSERT INTO warehouse.fx_rates VALUES (%s, %s, %s, %s, 'fiat', 'simulator', "
                "%s, 'id')",
                [currency, symbol, moment, rate, moment],
            )
        for day, rate in (("2026-04-02", "2"), ("2026-04-07", "4"), ("2026-04-10", "5")):
            connection.execute(
                "INSERT INTO warehouse.ecb_rates VALUES ('EUR', %s, %s, 'ecb', now())", [day, rate]
            )
        connection.execute("GRANT USAGE ON SCHEMA warehouse TO analyst")
        connection.execute("GRANT SELECT ON ALL TABLES IN SCHEMA warehouse TO analyst")
        connection.execute("SET ROLE analyst")
        yield connection
        connection.rollback()


@pytest.mark.parametrize(
    ("currency", "moment", "expected"),
    [
        ("EUR", "2026-05-05 09:59:59+00", None),
        ("eur", "2026-05-05 10:00+00", "1.1"),
        ("euro", "2026-05-05 15:59+00", "1.1"),
        ("EUR", "2026-05-05 16:00+00", "1.2"),
        ("EUR", "2026-05-06 15:59:59+00", "1.2"),
        ("EUR", "2026-05-06 16:00+00", None),
        ("Japanese-Yen", "2026-05-05 17:00+00", "0.007"),
        ("usd", "2020-01-01 00:00+00", "1"),
        ("XYZ", "2026-05-05 17:00+00", None),
        ("EUR", "2026-04-01 23:59+00", None),
        ("EUR", "2026-04-02 00:00+00", "2"),
        ("euro", f"{FRIDAY} 12:00+00", "2"),
        ("EUR", "2026-04-06 23:59+00", "2"),
        ("EUR", "2026-04-07 00:00+00", "4"),
        ("EUR", "2026-04-12 23:59+00", "5"),
        ("EUR", "2026-04-13 00:00+00", None),
    ],
)
def test_the_rate_at_a_moment(
    connection: psycopg.Connection, currency: str, moment: str, expected: str | None
) -> None:
    """The last rate of the past 24 hours is used, or else the ECB's of the last business day."""
    query = "SELECT warehouse.usd_per_unit_at(%s, %s)"
    (rate,) = connection.execute(query, [currency, moment]).fetchone() or (None,)

    assert expected == (None if rate is None else f"{rate.normalize():f}")


@pytest.mark.parametrize(
    "price",
    [
        "1",
        "0.000000000000000003",
        "0.000000000000000001",
        "87711.199999999997089617",
        "20000000000000000000",
        "7",
    ],
)
@pytest.mark.parametrize("currency", ["EUR", "JPY"])
def test_a_price_is_rounded_half_up_at_the_18th_place(
    connection: psycopg.Connection, price: str, currency: str
) -> None:
    """The result equals the one that Python computes with exact decimals."""
    rate = Decimal({"EUR": "1.2", "JPY": "0.007"}[currency])
    exact = Context(prec=99, rounding=ROUND_HALF_UP)
    expected = exact.quantize(exact.divide(Decimal(price), rate), Decimal("1e-18"))

    query = "SELECT warehouse.price_in(%s, %s, '2026-05-05 17:00+00')"
    (converted,) = connection.execute(query, [Decimal(price), currency]).fetchone() or (None,)

    assert str(expected) == str(converted)
    assert (None,) == connection.execute(query, [Decimal(price), "XYZ"]).fetchone()


def test_a_tie_is_rounded_up(connection: psycopg.Connection) -> None:
    """Half a unit of the last place is rounded up to one unit."""
    query = "SELECT warehouse.price_in(1e-18, 'EUR', '2026-04-02 12:00+00')"

    assert (Decimal("1e-18"),) == connection.execute(query).fetchone()
