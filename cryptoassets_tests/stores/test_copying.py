"""Values that are copied to PostgreSQL and back do not change."""

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
    """One coin per name, with and without values in nullable columns."""
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


def round_trip(url: str, rows: pa.Table) -> pa.Table:
    """Stage rows and read them back."""
    columns = sql.SQL(", ").join(map(sql.Identifier, COINS.column_names))
    query = sql.SQL("SELECT {} FROM staged_coins ORDER BY coin_id").format(columns)
    with psycopg.connect(url) as connection, connection.cursor() as cursor:
        stage(cursor, COINS, rows)
        back = copy_out(cursor, COINS, query)
        connection.rollback()
    return back


def test_values_and_nulls_are_unchanged_after_a_round_trip(database: str) -> None:
    """COPY gives some strings a meaning (NULL, end of data); as values they must be kept."""
    rows = coins_named([*ODD_TEXTS, "x" * 10_000, *(text + "a" for text in ODD_TEXTS)])

    back = round_trip(database, rows)

    assert rows.to_pylist() == back.to_pylist()


def test_an_empty_table_stays_an_empty_table(database: str) -> None:
    """An hour may have no valid rows."""
    assert arrow_schema(COINS) == round_trip(database, coins_named([])).schema


def test_more_rows_than_fit_into_a_message_are_copied(database: str) -> None:
    """Rows are sent in messages of 10,000 rows."""
    rows = coins_named(["name"] * 10_001)

    assert rows.equals(round_trip(database, rows))


@settings(
    max_examples=10,
    deadline=None,
    # Shrinking would need a thousand round trips, and a failing list is short enough without it.
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
def test_any_text_without_nul_is_unchanged_after_a_round_trip(
    database: str, names: list[str]
) -> None:
    """PostgreSQL cannot store NUL; `rules` quarantines documents that contain it."""
    rows = coins_named(names)

    assert rows.to_pylist() == round_trip(database, rows).to_pylist()
