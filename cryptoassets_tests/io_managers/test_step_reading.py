"""A step reads all inputs consistently, and does not leave its transaction open."""

from collections.abc import Callable
from decimal import Decimal
from typing import Any

import dagster as dg
import psycopg
import pyarrow as pa
import pytest
from psycopg import sql
from pyspark.sql import DataFrame

from cryptoassets.csv_rows import BYTES_PER_BATCH
from cryptoassets.io_managers.postgres import PostgresIOManager
from cryptoassets.partitions.policies import DAILY, HOURLY
from cryptoassets.resources.postgres import PostgresResource
from cryptoassets.resources.spark import SparkResource
from cryptoassets.schemas import CLEAN_COIN_PRICE_HISTORY, COIN_PRICES
from cryptoassets.schemas.arrow import arrow_schema
from cryptoassets.stores.copying import copy_batches
from cryptoassets.upkeep.days import stale_mart_days
from cryptoassets_tests.io_managers import contexts, warehouse
from cryptoassets_tests.io_managers.contexts import PRICES, write
from cryptoassets_tests.io_managers.interruptions import INTERRUPTIONS, InterruptedPostgres
from cryptoassets_tests.io_managers.rows import HOUR, daily_coins, judged_coins, start_of
from cryptoassets_tests.io_managers.test_publications import ALIASES
from cryptoassets_tests.io_managers.test_reading import HISTORY, point

pytestmark = pytest.mark.postgres

DAY = HOUR[:10]
OTHER = dg.AssetKey(["other", "input"])
NEW_ALIAS = "INSERT INTO warehouse.coin_aliases VALUES ('old', 'new') RETURNING alias"
OPEN = """
    SELECT query FROM pg_stat_activity
    WHERE datname = current_database() AND pid <> pg_backend_pid() AND xact_start IS NOT NULL
"""
ROWS = 400_000
MANY_ROWS = sql.SQL("""
    SELECT 'coin-' || n AS coin_id, 'epoch'::timestamptz + n * interval '1 s' AS observed_at,
        n + 0.123456789012345678, n + 0.5, n + 0.5, n + 0.5, 1.5, 2.5, 3.5, n, 'simulator',
        'epoch'::timestamptz, n || E' has a line\nbreak'
    FROM generate_series(1, {rows}) AS n
""").format(rows=sql.Literal(ROWS))


class OtherIOManager(dg.IOManager):
    """The IO manager of an input outside PostgreSQL; it runs a function while loading."""

    def __init__(self, while_loading: Callable[[], object]) -> None:
        self._while_loading = while_loading

    def handle_output(self, context: dg.OutputContext, obj: object) -> None:
        """Store nothing."""

    def load_input(self, context: dg.InputContext) -> object:  # noqa: ARG002
        """Run the function."""
        return self._while_loading()


def history(*coins: str) -> pa.Table:
    """History with one point per coin on the day."""
    rows = [point(coin, 1, 7) for coin in coins]
    return pa.Table.from_pylist(rows, schema=arrow_schema(CLEAN_COIN_PRICE_HISTORY))


def make_mart(
    io_manager: PostgresIOManager,
    body: Callable[..., Any],
    keys: dict[str, dg.AssetKey],
    while_loading: Callable[[], object] = lambda: None,
) -> dg.ExecuteInProcessResult:
    """Materialize `marts/coin_daily` of the day with the given asset function."""
    mart = dg.asset(
        key=contexts.COIN_DAILY,
        ins={name: dg.AssetIn(key=key) for name, key in keys.items()},
        partitions_def=DAILY,
        io_manager_key="store",
    )(body)
    of_store, of_other = ({"dagster/io_manager_key": key} for key in ("store", "other"))
    specs = [
        dg.AssetSpec(PRICES, partitions_def=HOURLY, metadata=of_store),
        dg.AssetSpec(HISTORY, partitions_def=DAILY, metadata=of_store),
        dg.AssetSpec(ALIASES, metadata=of_store),
        dg.AssetSpec(OTHER, metadata=of_other),
    ]
    return dg.materialize(
        [mart, *specs],
        partition_key=DAY,
        resources={"store": io_manager, "other": OtherIOManager(while_loading)},
        raise_on_error=False,
    )


def test_rows_published_between_two_inputs_of_a_mart_are_not_read(
    postgres_io_manager: PostgresIOManager,
    postgres: PostgresResource,
    spark: SparkResource,
    database: str,
) -> None:
    """Old history and new prices would be inconsistent.

    Dagster loads inputs in the order of their names, so prices are loaded last.
    """
    write(postgres_io_manager, PRICES, HOUR, judged_coins(HOUR, range(2)))
    write(postgres_io_manager, HISTORY, DAY, history("a"))
    aliases_known = len(warehouse.ask(database, "SELECT FROM warehouse.coin_aliases"))
    read: list[tuple[int, ...]] = []

    def publish() -> None:
        write(postgres_io_manager, PRICES, HOUR, judged_coins(HOUR, range(3)))
        write(postgres_io_manager, HISTORY, DAY, history("a", "b"))
        warehouse.ask(database, NEW_ALIAS)

    def coin_daily(prices: pa.Table, history: pa.Table, aliases: pa.Table) -> Any:
        read.append((prices.num_rows, history.num_rows, aliases.num_rows))
        read.append((len(warehouse.ask(database, OPEN)),))
        return daily_coins(DAY, range(2))

    INTERRUPTIONS.append(publish)
    interrupted = PostgresIOManager(postgres=InterruptedPostgres(before="mart_loads"), spark=spark)
    keys = {"prices": PRICES, "history": HISTORY, "aliases": ALIASES}

    assert make_mart(interrupted, coin_daily, keys).success

    no_transaction_while_computing = (0,)
    assert [(2, 1, aliases_known), no_transaction_while_computing] == read
    assert [start_of(DAY).date()] == stale_mart_days(postgres)


def test_a_retried_step_reads_the_current_rows(
    postgres_io_manager: PostgresIOManager, database: str
) -> None:
    """The first attempt failed between two inputs, and its transaction must not be reused."""
    write(postgres_io_manager, PRICES, HOUR, judged_coins(HOUR, range(1)))
    open_transactions, read = [], []

    def publish_and_fail_once() -> int:
        open_transactions.append(len(warehouse.ask(database, OPEN)))
        if len(open_transactions) == 1:
            write(postgres_io_manager, PRICES, HOUR, judged_coins(HOUR, range(2)))
            raise dg.RetryRequested
        return 0

    def coin_daily(prices: pa.Table, other: int, aliases: pa.Table) -> Any:
        read.append(prices.num_rows)
        return daily_coins(DAY, range(2))

    keys = {"prices": PRICES, "other": OTHER, "aliases": ALIASES}
    result = make_mart(postgres_io_manager, coin_daily, keys, publish_and_fail_once)

    assert result.success
    assert [2] == read
    assert [1, 1] == open_transactions


def test_a_step_that_fails_between_two_inputs_leaves_no_open_transaction(
    postgres_io_manager: PostgresIOManager, database: str
) -> None:
    """An open transaction would make PostgreSQL keep old row versions while the process runs."""
    write(postgres_io_manager, PRICES, HOUR, judged_coins(HOUR, range(1)))

    def fail() -> None:
        raise dg.Failure("the other store is unavailable")

    def coin_daily(prices: pa.Table, other: int, aliases: pa.Table) -> Any:
        raise NotImplementedError

    keys = {"prices": PRICES, "other": OTHER, "aliases": ALIASES}
    result = make_mart(postgres_io_manager, coin_daily, keys, fail)

    assert not result.success
    assert [] == warehouse.ask(database, OPEN)


@pytest.mark.spark
@pytest.mark.parametrize(("coins_published", "expected"), [(0, [2, 2]), (3, [2, 3])])
def test_steps_of_a_run_read_prices_again_only_after_a_publication(
    postgres_io_manager: PostgresIOManager,
    database: str,
    coins_published: int,
    expected: list[int],
) -> None:
    """A day of prices may have millions of rows, and several marts are computed from them.

    Without a publication, the test deletes the rows directly; the second step still has the rows
    that the first one read.
    """
    write(postgres_io_manager, PRICES, HOUR, judged_coins(HOUR, range(2)))
    read = []
    earlier = dg.TimeWindowPartitionMapping(
        start_offset=-1, allow_nonexistent_upstream_partitions=True
    )

    @dg.asset(ins={"prices": dg.AssetIn(PRICES, partition_mapping=earlier)}, partitions_def=DAILY)
    def first(prices: DataFrame) -> None:
        read.append(prices.count())
        if coins_published:
            coins = judged_coins(HOUR, range(coins_published))
            write(postgres_io_manager, PRICES, HOUR, coins)
        else:
            warehouse.ask(database, "DELETE FROM warehouse.coin_prices RETURNING coin_id")

    @dg.asset(ins={"prices": dg.AssetIn(PRICES)}, deps=[first], partitions_def=DAILY)
    def second(prices: DataFrame) -> None:
        read.append(prices.count())

    from_store = {"dagster/io_manager_key": "store"}
    dg.materialize(
        [first, second, dg.AssetSpec(PRICES, partitions_def=HOURLY, metadata=from_store)],
        partition_key=DAY,
        resources={"store": postgres_io_manager},
    )

    assert expected == read


def test_rows_are_read_in_batches(database: str) -> None:
    """A month of prices may be larger than the driver's memory."""
    batches, max_bytes = 0, 0
    before = pa.total_allocated_bytes()
    with psycopg.connect(database) as connection, connection.cursor() as cursor:
        for batch in copy_batches(cursor, COIN_PRICES, MANY_ROWS):
            batches += 1
            last = batch.slice(batch.num_rows - 1).to_pylist()
            max_bytes = max(max_bytes, pa.total_allocated_bytes() - before)

    assert 4 < batches
    assert max_bytes < 3 * BYTES_PER_BATCH
    assert [(f"coin-{ROWS}", Decimal(f"{ROWS}.123456789012345678"))] == [
        (row["coin_id"], row["price_usd"]) for row in last
    ]
