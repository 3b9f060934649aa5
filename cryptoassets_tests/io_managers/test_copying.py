"""Promises of the bytes' way into PostgreSQL and out again: nothing changes on it."""

from datetime import timedelta
from decimal import Decimal
from typing import Any

import psycopg
import pyarrow as pa
import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from psycopg import sql

from cryptoassets.schemas import COINS
from cryptoassets.schemas.arrow import arrow_schema
from cryptoassets.stores.copying import copy_out, stage
from cryptoassets_tests.io_managers.rows import HOUR, start_of

pytestmark = pytest.mark.postgres

LARGEST = Decimal("99999999999999999999.999999999999999999")
TIMES = [start_of(HOUR), start_of(HOUR) + timedelta(microseconds=1)]
ODD_TEXTS = [
    "",
    "NULL",
    "\\N",
    "\\.",
    '"',
    "'",
    ",",
    "\n",
    "\r",
    "\r\n",
    "\\",
    "{a,b}",
    "🚀",
    "\u202e",
]


def coins_named(names: list[str]) -> pa.Table:
    """One coin a name, with and without values where null is allowed."""
    rows: list[dict[str, Any]] = [
        {
            "coin_id": f"{number:06}",
            "symbol": name,
            "name": name,
            "rank": number,
            "explorer": name if number % 2 else None,
            "max_supply": [LARGEST, None, LARGEST.copy_negate(), Decimal("1E-18")][number % 4],
            "first_seen_at": TIMES[0],
            "last_seen_at": TIMES[1],
        }
        for number, name in enumerate(names)
    ]
    return pa.Table.from_pylist(rows, schema=arrow_schema(COINS))


def there_and_back(url: str, rows: pa.Table) -> pa.Table:
    """Stage rows and read them from where they are staged."""
    columns = sql.SQL(", ").join(map(sql.Identifier, COINS.column_names))
    query = sql.SQL("SELECT {} FROM staged_coins ORDER BY coin_id").format(columns)
    with psycopg.connect(url) as connection, connection.cursor() as cursor:
        stage(cursor, COINS, rows)
        back = copy_out(cursor, COINS, query)
        connection.rollback()
    return back


def test_values_and_nulls_come_back_as_they_went(database: str) -> None:
    """COPY has a word for NULL, for the end of data and for an empty text: none is a value here."""
    rows = coins_named([*ODD_TEXTS, "x" * 10_000, *(text + "a" for text in ODD_TEXTS)])

    back = there_and_back(database, rows)

    assert rows.to_pylist() == back.to_pylist()


def test_no_rows_are_a_table_without_rows(database: str) -> None:
    """An hour of which nothing is valid."""
    assert arrow_schema(COINS) == there_and_back(database, coins_named([])).schema


def test_more_rows_than_a_message_holds_all_arrive(database: str) -> None:
    """200,000 documents go in messages of 10,000 rows."""
    rows = coins_named(["name"] * 10_001)

    assert rows.equals(there_and_back(database, rows))


@settings(
    max_examples=10,
    deadline=None,
    # Shrinking would ask the server a thousand times; a failing list is short enough.
    phases=[Phase.explicit, Phase.reuse, Phase.generate],
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(
    st.lists(
        st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"))
        | st.text('",\\\n\r\tN.{}'),
        min_size=50,
        max_size=100,
    )
)
def test_any_text_without_nul_comes_back(database: str, names: list[str]) -> None:
    """NUL is the one character that PostgreSQL has no place for; `rules` sorts it out before."""
    rows = coins_named(names)

    assert rows.to_pylist() == there_and_back(database, rows).to_pylist()
