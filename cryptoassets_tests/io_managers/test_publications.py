"""Publication numbers: a mart is never replaced by one that was computed from older inputs."""

from collections.abc import Callable
from decimal import Decimal
from typing import Any

import dagster as dg
import psycopg
import pyarrow as pa
import pytest

from cryptoassets.io_managers.postgres import PostgresIOManager
from cryptoassets.partitions.policies import DAILY, HOURLY
from cryptoassets.partitions.spans import partition_window
from cryptoassets.resources.postgres import PostgresResource
from cryptoassets.resources.spark import SparkResource
from cryptoassets.schemas import SNAPSHOT_FLOW
from cryptoassets.stores.checksums import NO_ROWS, rows_checksum
from cryptoassets.upkeep.days import stale_mart_days
from cryptoassets_tests.io_managers import warehouse
from cryptoassets_tests.io_managers.contexts import COIN_DAILY, PRICES, write
from cryptoassets_tests.io_managers.interruptions import INTERRUPTIONS, InterruptedPostgres
from cryptoassets_tests.io_managers.rows import (
    HOUR,
    broken_row,
    daily_coins,
    judged,
    judged_coins,
    judged_row,
    start_of,
)

pytestmark = pytest.mark.postgres

DAY = HOUR[:10]
MARKET_DAILY = dg.AssetKey(["marts", "market_daily"])
ALIASES = dg.AssetKey(["warehouse", "coin_aliases"])
NUMBERS = "SELECT publication FROM warehouse.loads"
HISTORY = """
    SELECT publication, asset, raw_rows, loaded_rows, quarantined_rows, rows_written, rows_removed,
        run_id FROM warehouse.load_history ORDER BY 1
"""
MADE_FROM = "SELECT inputs FROM warehouse.mart_loads WHERE asset = 'marts/coin_daily'"
READ_AND_NOW = """
    SELECT (inputs -> (loads.asset || ' ' || left(loads.partition_key, 10)))::bigint,
        loads.publication
    FROM warehouse.mart_loads, warehouse.loads
"""
NEW_ALIAS = "INSERT INTO warehouse.coin_aliases VALUES ('old', 'new')"


def make_mart(
    io_manager: PostgresIOManager, meanwhile: Callable[[], object] = lambda: None
) -> tuple[dg.ExecuteInProcessResult, list[int]]:
    """Compute a mart of the day with one coin per price, in a separate run.

    Args:
        io_manager: publishes the mart.
        meanwhile: called in each attempt after the inputs are read and before publishing.

    Returns:
        The result of the run, and the number of prices that each attempt read.
    """
    read: list[int] = []

    @dg.asset(
        key=COIN_DAILY,
        ins={"prices": dg.AssetIn(key=PRICES), "aliases": dg.AssetIn(key=ALIASES)},
        partitions_def=DAILY,
        io_manager_key="store",
    )
    def coin_daily(prices: pa.Table, aliases: pa.Table) -> Any:
        read.append(prices.num_rows)
        meanwhile()
        return daily_coins(DAY, range(prices.num_rows), observations=1 + aliases.num_rows)

    upstream = {"metadata": {"dagster/io_manager_key": "store"}}
    specs = [dg.AssetSpec(PRICES, partitions_def=HOURLY, **upstream)]
    specs += [dg.AssetSpec(ALIASES, **upstream)]
    result = dg.materialize(
        [coin_daily, *specs],
        partition_key=DAY,
        resources={"store": io_manager},
        raise_on_error=False,
    )
    return result, read


@pytest.fixture
def another(postgres: PostgresResource, spark: SparkResource) -> PostgresIOManager:
    """The IO manager of another run."""
    return PostgresIOManager(postgres=postgres, spark=spark)


def count_mart_rows(database: str) -> int:
    """The number of rows in the mart."""
    return len(warehouse.ask(database, "SELECT FROM marts.coin_daily"))


def test_a_mart_computed_from_newer_prices_by_another_run_is_not_replaced(
    postgres_io_manager: PostgresIOManager, another: PostgresIOManager, database: str
) -> None:
    """After a run has read its prices, another run publishes newer prices and the mart."""
    write(postgres_io_manager, PRICES, HOUR, judged_coins(HOUR, range(2)))
    views = [judged_coins(HOUR, range(3))]

    def publish_a_newer_view() -> None:
        for view in views:
            write(another, PRICES, HOUR, view)
            assert make_mart(another)[0].success
        views.clear()

    result, read = make_mart(postgres_io_manager, publish_a_newer_view)

    assert result.success
    assert [2, 3] == read
    assert 3 == count_mart_rows(database)
    [(number,)] = warehouse.ask(database, NUMBERS)
    assert [({f"warehouse/coin_prices {DAY}": number},)] == warehouse.ask(database, MADE_FROM)


def test_a_run_that_is_overtaken_in_every_attempt_fails(
    postgres_io_manager: PostgresIOManager, another: PostgresIOManager, database: str
) -> None:
    """The run reads its inputs four times; the mart of the other runs is kept."""
    write(postgres_io_manager, PRICES, HOUR, judged_coins(HOUR, range(1)))
    views = iter(range(2, 20))

    def publish_a_newer_view() -> None:
        write(another, PRICES, HOUR, judged_coins(HOUR, range(next(views))))
        assert make_mart(another)[0].success

    result, read = make_mart(postgres_io_manager, publish_a_newer_view)

    assert [1, 2, 3, 4] == read
    assert not result.success
    [failure] = [event for event in result.all_events if event.is_step_failure]
    cause = failure.step_failure_data.error.cause
    assert cause is not None
    assert "OlderInputsError" in cause.message
    assert (
        f"marts/coin_daily {DAY} was computed in the meantime from a newer publication"
        in cause.message
    )
    assert 5 == count_mart_rows(database)


def test_aliases_that_changed_during_a_run_are_read_again(
    postgres_io_manager: PostgresIOManager, another: PostgresIOManager, database: str
) -> None:
    """Aliases have no publication number; the hash in the mart's record reveals the change."""
    write(postgres_io_manager, PRICES, HOUR, judged_coins(HOUR, range(1)))
    additions = [NEW_ALIAS]

    def add_an_alias() -> None:
        for statement in additions:
            with psycopg.connect(database) as connection:
                connection.execute(statement)  # type: ignore[arg-type]
            assert make_mart(another)[0].success
        additions.clear()

    result, read = make_mart(postgres_io_manager, add_an_alias)

    assert (True, [1, 1]) == (result.success, read)
    observations = "SELECT observations FROM marts.coin_daily"
    assert [(3,)] == warehouse.ask(database, observations)


def test_the_ledger_has_the_checksum_of_the_published_rows(
    postgres_io_manager: PostgresIOManager, postgres: PostgresResource, database: str
) -> None:
    """`audit` compares this checksum with the rows, and so finds manual changes."""
    hour = partition_window(HOUR)
    views = (
        judged(judged_row(), broken_row()),
        judged(judged_row(price_usd=Decimal("1.6")), broken_row()),
        judged(judged_row(price_usd=Decimal("1.6")), broken_row(reasons=["price_usd_negative"])),
        judged(judged_row(outcome="superseded"), judged_row(raw_id="b", outcome="superseded")),
    )
    kept = []

    for view in views:
        write(postgres_io_manager, PRICES, HOUR, view)
        kept += warehouse.ask(database, "SELECT rows_checksum FROM warehouse.loads")
        with postgres.connect() as connection:
            assert (rows_checksum(connection.cursor(), SNAPSHOT_FLOW, hour),) == kept[-1]

    assert len(views) == len(set(kept))
    assert (NO_ROWS,) == kept[-1]


def test_recorded_numbers_match_the_rows_that_were_read(
    another: PostgresIOManager, postgres: PostgresResource, spark: SparkResource, database: str
) -> None:
    """If a mart of older rows recorded a newer number, it would never count as stale."""
    write(another, PRICES, HOUR, judged_coins(HOUR, range(2)))
    INTERRUPTIONS.append(lambda: write(another, PRICES, HOUR, judged_coins(HOUR, range(3))))

    result, read = make_mart(
        PostgresIOManager(postgres=InterruptedPostgres(before="mart_loads"), spark=spark)
    )

    assert (True, [2], []) == (result.success, read, INTERRUPTIONS)
    assert [start_of(DAY).date()] == stale_mart_days(postgres)
    [(before, after)] = warehouse.ask(database, READ_AND_NOW)
    assert before < after


def test_a_mart_can_be_computed_after_its_ledger_was_lost_or_restored(
    postgres_io_manager: PostgresIOManager, database: str
) -> None:
    """After a restore, a mart may record publications that no longer exist."""
    write(postgres_io_manager, PRICES, HOUR, judged_coins(HOUR, range(2)))
    make_mart(postgres_io_manager)
    with psycopg.connect(database) as connection:
        connection.execute("UPDATE warehouse.mart_loads SET inputs = '{\"lost\": 7}'")

    result, read = make_mart(postgres_io_manager)

    assert (True, [2]) == (result.success, read)


def test_a_publication_gets_a_larger_number_only_if_rows_change(
    postgres_io_manager: PostgresIOManager, database: str
) -> None:
    """A new number makes marts stale. The history also records changes of only the quarantine."""
    valid, refused = judged_row("a"), broken_row("b")
    views = [
        judged(refused),
        judged(valid, refused),
        judged(valid, refused),
        judged(valid, refused, broken_row("c")),
        judged(judged_row("a", rank=2), refused, broken_row("c")),
    ]
    numbers = []
    for place, view in enumerate(views):
        write(postgres_io_manager, PRICES, HOUR, view, run_id=f"run {place}")
        numbers += [number for (number,) in warehouse.ask(database, NUMBERS)]

    history = warehouse.ask(database, HISTORY)

    none, first, same, still, second = numbers
    assert none == 0 < first == same == still < second
    asset = "warehouse/coin_prices"
    assert [
        (asset, 1, 0, 1, 0, 0, "run 0"),
        (asset, 2, 1, 1, 1, 0, "run 1"),
        (asset, 3, 1, 2, 0, 0, "run 3"),
        (asset, 3, 1, 2, 1, 0, "run 4"),
    ] == [row[1:] for row in history]
    assert [first, second] == [history[1][0], history[3][0]]


def test_new_prices_make_marts_stale_until_the_marts_are_published(
    postgres_io_manager: PostgresIOManager, postgres: PostgresResource, database: str
) -> None:
    """A run may be killed before it publishes the marts. An unchanged mart keeps its number."""
    stale = []
    for coins in (1, 2, 2):
        write(postgres_io_manager, PRICES, HOUR, judged_coins(HOUR, range(coins)))
        stale.append(len(stale_mart_days(postgres)))
        make_mart(postgres_io_manager)
        with psycopg.connect(database) as connection:
            connection.execute(
                "INSERT INTO warehouse.mart_loads SELECT 'marts/market_daily', partition_key, "
                "'r', 1, 0, jsonb_build_object(asset || ' ' || partition_key, publication), NULL, "
                "now() FROM warehouse.mart_loads WHERE asset = 'marts/coin_daily' "
                "ON CONFLICT (asset, partition_key) DO UPDATE SET inputs = EXCLUDED.inputs"
            )
            connection.execute(
                "INSERT INTO warehouse.mart_loads SELECT 'marts/coin_candles', partition_key, "
                "'r', 1, 0, inputs || jsonb_build_object(asset || ' ' || partition_key, "
                "publication), aliases_hash, now() FROM warehouse.mart_loads "
                "WHERE asset = 'marts/coin_daily' "
                "ON CONFLICT (asset, partition_key) DO UPDATE SET inputs = EXCLUDED.inputs"
            )
        stale.append(len(stale_mart_days(postgres)))

    assert [1, 0, 1, 0, 0, 0] == stale
    marts = "SELECT FROM warehouse.load_history WHERE asset LIKE 'marts/%'"
    assert 2 == len(warehouse.ask(database, marts))
