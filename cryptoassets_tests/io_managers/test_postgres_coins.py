"""The newest observation describes a coin; a day's rows in a mart are replaced completely."""

import itertools

import pyarrow as pa
import pytest

from cryptoassets.io_managers.postgres import PostgresIOManager
from cryptoassets_tests.io_managers import warehouse
from cryptoassets_tests.io_managers.contexts import (
    COIN_DAILY,
    COINS,
    logged,
    read,
    write,
)
from cryptoassets_tests.io_managers.rows import (
    HOUR,
    INJECTION,
    coin,
    daily_coins,
    seen_coin,
    start_of,
)

pytestmark = pytest.mark.postgres


@pytest.mark.parametrize("order", list(itertools.permutations(range(3))), ids=str)
def test_coins_do_not_depend_on_the_order_of_hours(
    postgres_io_manager: PostgresIOManager, database: str, order: tuple[int, ...]
) -> None:
    """An old hour may be processed last."""
    hours = ["2026-10-31-21:00", "2026-10-31-22:00", HOUR]
    for number in order:
        row = seen_coin("bitcoin", start_of(hours[number]), name=f"Name {number}", rank=number + 1)
        write(postgres_io_manager, COINS, hours[number], row)

    query = "SELECT name, rank, first_seen_at, last_seen_at FROM warehouse.coins"
    expected = ("Name 2", 3, start_of(hours[0]), start_of(hours[2]))
    assert [expected] == warehouse.ask(database, query)


def test_an_older_hour_does_not_rewrite_a_coin(
    postgres_io_manager: PostgresIOManager, database: str
) -> None:
    """The same hour does not rewrite the coin either, if no value has changed."""
    for hour in ("2026-10-31-22:00", HOUR):
        write(postgres_io_manager, COINS, hour, seen_coin("bitcoin", start_of(hour)))
    query = "SELECT xmin::text, name FROM warehouse.coins"
    before = warehouse.ask(database, query)

    older = seen_coin("bitcoin", start_of("2026-10-31-22:00"), name="Old name")
    write(postgres_io_manager, COINS, "2026-10-31-22:00", older)
    write(postgres_io_manager, COINS, HOUR, seen_coin("bitcoin", start_of(HOUR)))

    assert before == warehouse.ask(database, query)


def test_rows_that_no_longer_exist_are_removed_from_a_mart(
    postgres_io_manager: PostgresIOManager,
) -> None:
    """Marts reflect the current rows of the warehouse."""
    day, next_day = "2026-10-30", "2026-10-31"
    for key in (day, next_day):
        write(postgres_io_manager, COIN_DAILY, key, daily_coins(key, range(3)))

    context = write(postgres_io_manager, COIN_DAILY, day, daily_coins(day, range(1)))

    kept = [
        read(postgres_io_manager, COIN_DAILY, key, pa.Table).num_rows for key in (day, next_day)
    ]
    assert [1, 3] == kept
    assert (0, 2) == (logged(context)["rows written"], logged(context)["rows removed"])


@pytest.mark.parametrize(
    "name", [INJECTION, "", '"', "\\N", "a\r\nb", "🚀\u202e\u0627\u0633", "x" * 10_000]
)
def test_texts_of_a_coin_are_stored_unchanged(
    postgres_io_manager: PostgresIOManager, database: str, name: str
) -> None:
    """Names may contain anything, and must not be interpreted as SQL, CSV or NULL."""
    row = seen_coin(coin(1), start_of(HOUR), name=name, symbol=name, explorer=name)

    write(postgres_io_manager, COINS, HOUR, row)

    query = "SELECT name, symbol, explorer FROM warehouse.coins"
    assert [(name, name, name)] == warehouse.ask(database, query)
