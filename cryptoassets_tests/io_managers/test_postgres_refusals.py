"""The warehouse refuses rows that violate the contract and stays unchanged."""

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
        ([judged_row(reasons=["bad_id"])], "have a reason but are not quarantined"),
    ],
    ids=["key", "raw_id", "null", "outcome", "unexplained", "loaded"],
)
def test_rows_that_violate_the_contract_are_not_published(
    postgres_io_manager: PostgresIOManager, database: str, rows: list[Any], problem: str
) -> None:
    """Publishing refuses such rows even if the asset checks are disabled."""
    write(postgres_io_manager, PRICES, HOUR, judged(judged_row()))
    before = warehouse.dump(database)

    with pytest.raises(dg.Failure, match=f"{problem}.*Nothing was published") as caught:
        write(postgres_io_manager, PRICES, HOUR, judged(*rows))

    assert not caught.value.allow_retries
    assert before == warehouse.dump(database)


def test_nothing_changes_if_the_database_refuses_a_row(
    postgres_io_manager: PostgresIOManager, database: str
) -> None:
    """Constraints of the table are the last check; earlier rows of the batch are rolled back."""
    write(postgres_io_manager, PRICES, HOUR, judged(judged_row()))
    before = warehouse.dump(database)

    with pytest.raises(dg.Failure, match="price_usd"):
        write(
            postgres_io_manager, PRICES, HOUR, judged(judged_row("a"), judged_row(price_usd=None))
        )

    assert before == warehouse.dump(database)


@pytest.mark.parametrize(("stored", "new"), [("coincap", "simulator"), ("replay", "coincap")])
def test_real_prices_are_never_mixed_with_others(
    postgres_io_manager: PostgresIOManager, database: str, stored: str, new: str
) -> None:
    """A user may switch to another lake while POSTGRES_URL still names the old warehouse."""
    write(postgres_io_manager, PRICES, HOUR, judged(judged_row(source=stored)))
    before = warehouse.dump(database)
    next_hour = judged(judged_row(partition=NEXT_HOUR, source=new))

    with pytest.raises(dg.Failure, match="set POSTGRES_URL and MONGO_URL") as caught:
        write(postgres_io_manager, PRICES, NEXT_HOUR, next_hour)

    assert not caught.value.allow_retries
    assert before == warehouse.dump(database)


@pytest.mark.spark
def test_ids_that_are_too_long_for_an_index_are_quarantined(
    postgres_io_manager: PostgresIOManager, spark: SparkResource, database: str
) -> None:
    """A slug of 10 kB or with a NUL neither blocks other coins nor collides with a similar slug."""
    long = [f"{'x' * 5_000}{number}{'y' * 5_000}" for number in (1, 2)]
    ids = [*long, "nul\x00id", INJECTION, "🚀" * 600]
    rows = judged(judged_row(), *(broken_row(raw_id=raw_id, coin_id=raw_id) for raw_id in ids))

    write(postgres_io_manager, PRICES, HOUR, spark.session.createDataFrame(rows))

    found = [row for (row,) in warehouse.ask(database, "SELECT raw_id FROM warehouse.quarantine")]
    assert [(HOUR, 6, 1, 5, 0)] == warehouse.ledger(database)
    assert {"nul\\u0000id", INJECTION, "🚀" * 600} < set(found)
    assert 600 == max(map(len, found))
