"""Promises of the warehouse: what breaks the contract is refused, and nothing changes by it."""

from typing import Any

import dagster as dg
import pytest

from cryptoassets.io_managers.postgres import PostgresIOManager
from cryptoassets.resources.spark import SparkResource
from cryptoassets_tests.io_managers import warehouse
from cryptoassets_tests.io_managers.contexts import (
    PRICES,
    write,
)
from cryptoassets_tests.io_managers.rows import (
    HOUR,
    INJECTION,
    NEXT_HOUR,
    broken_row,
    judged,
    judged_row,
)

pytestmark = pytest.mark.postgres


@pytest.mark.parametrize(
    ("rows", "problem"),
    [
        ([judged_row(raw_id="a"), judged_row(raw_id="b")], "duplicate keys"),
        ([judged_row(raw_id="a"), judged_row("ripple", raw_id="a")], "duplicate keys"),
        ([judged_row(coin_id=None)], "null values"),
        ([judged_row(outcome="lost")], "no known outcome"),
        ([broken_row(reasons=[])], "without a reason"),
        ([judged_row(reasons=["bad_id"])], "loaded with one"),
    ],
    ids=["key", "raw_id", "null", "outcome", "unexplained", "loaded"],
)
def test_what_breaks_the_contract_is_not_published(
    postgres_io_manager: PostgresIOManager, database: str, rows: list[Any], problem: str
) -> None:
    """Checks may be off or new; the store itself refuses."""
    write(postgres_io_manager, PRICES, HOUR, judged(judged_row()))
    before = warehouse.dump(database)

    with pytest.raises(dg.Failure, match=f"{problem}.*Nothing was published") as caught:
        write(postgres_io_manager, PRICES, HOUR, judged(*rows))

    assert not caught.value.allow_retries
    assert before == warehouse.dump(database)


def test_a_row_the_database_refuses_leaves_everything_as_it_was(
    postgres_io_manager: PostgresIOManager, database: str
) -> None:
    """The last guard is the table's own; the first row of the batch must not stay behind."""
    write(postgres_io_manager, PRICES, HOUR, judged(judged_row()))
    before = warehouse.dump(database)

    with pytest.raises(dg.Failure, match="price_usd"):
        write(
            postgres_io_manager, PRICES, HOUR, judged(judged_row("a"), judged_row(price_usd=None))
        )

    assert before == warehouse.dump(database)


@pytest.mark.parametrize(("there", "coming"), [("coincap", "simulator"), ("replay", "coincap")])
def test_real_prices_and_others_never_meet(
    postgres_io_manager: PostgresIOManager, database: str, there: str, coming: str
) -> None:
    """The lake may be a new one while POSTGRES_URL still names the old warehouse."""
    write(postgres_io_manager, PRICES, HOUR, judged(judged_row(source=there)))
    before = warehouse.dump(database)
    next_hour = judged(judged_row(partition=NEXT_HOUR, source=coming))

    with pytest.raises(dg.Failure, match="set POSTGRES_URL and MONGO_URL") as caught:
        write(postgres_io_manager, PRICES, NEXT_HOUR, next_hour)

    assert not caught.value.allow_retries
    assert before == warehouse.dump(database)


@pytest.mark.spark
def test_ids_that_no_index_holds_land_in_quarantine(
    postgres_io_manager: PostgresIOManager, spark: SparkResource, database: str
) -> None:
    """A slug of 10 kB or with a NUL must not stop the other coins, nor meet its like."""
    long = [f"{'x' * 5_000}{number}{'y' * 5_000}" for number in (1, 2)]
    ids = [*long, "nul\x00id", INJECTION, "🚀" * 600]
    rows = judged(judged_row(), *(broken_row(raw_id=raw_id, coin_id=raw_id) for raw_id in ids))

    write(postgres_io_manager, PRICES, HOUR, spark.session.createDataFrame(rows))

    found = [row for (row,) in warehouse.ask(database, "SELECT raw_id FROM warehouse.quarantine")]
    assert [(HOUR, 6, 1, 5, 0)] == warehouse.ledger(database)
    assert {"nul\\u0000id", INJECTION, "🚀" * 600} < set(found)
    assert 600 == max(map(len, found))
