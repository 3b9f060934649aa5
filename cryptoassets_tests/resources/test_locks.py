"""A lock has one exclusive holder or several shared ones; no lock outlives its connection."""

import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing

import psycopg
import pytest

from cryptoassets.errors import StoreUnavailableError
from cryptoassets.resources.locks import lock
from cryptoassets.resources.postgres import PostgresResource
from cryptoassets.upkeep.retention import blocking_retention, exclusive_retention

pytestmark = pytest.mark.postgres


@pytest.fixture
def impatient_server(
    postgres: PostgresResource, database: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Make the server end the transactions of new connections after one second."""
    options = "-c%20idle_in_transaction_session_timeout%3D1s%20-c%20transaction_timeout%3D1s"
    monkeypatch.setenv("POSTGRES_URL", f"{database}?options={options}")


@pytest.fixture
def connect(database: str) -> Iterator[Callable[[], psycopg.Connection]]:
    """Return a function that opens connections, which are closed after the test."""
    opened: list[psycopg.Connection] = []

    def make() -> psycopg.Connection:
        opened.append(psycopg.connect(database))
        return opened[-1]

    yield make
    for connection in opened:
        connection.close()


@pytest.mark.parametrize("is_first", [True, False])
def test_a_waiter_gets_a_lock_when_the_holders_transaction_ends(
    connect: Callable[[], psycopg.Connection], *, is_first: bool
) -> None:
    """The waiter also gets the lock if the lock's row does not exist at first.

    Two runs may start the same new partition at the same time.
    """
    if not is_first:
        with connect() as earlier:
            lock(earlier.cursor(), "warehouse/coin_prices", "2026-11-23-04:00")
    holder, other, third = connect(), connect(), connect()
    lock(holder.cursor(), "warehouse/coin_prices", "2026-11-23-04:00")

    lock(third.cursor(), "warehouse/coin_prices", "2026-11-23-05:00")
    with ThreadPoolExecutor() as pool:
        waiting = pool.submit(lock, other.cursor(), "warehouse/coin_prices", "2026-11-23-04:00")
        time.sleep(0.3)
        assert not waiting.done()
        holder.close()
        waiting.result(timeout=30)


def test_readers_of_many_partitions_share_a_lock_that_retention_takes_exclusively(
    postgres: PostgresResource,
) -> None:
    """Two backfills may run at once, but nothing may delete the data that they are reading."""
    refused = pytest.raises(StoreUnavailableError, match="nothing was deleted")
    for _ in range(2):
        with blocking_retention(postgres), blocking_retention(postgres), refused:
            exclusive_retention(postgres).__enter__()
        with exclusive_retention(postgres), refused:
            exclusive_retention(postgres).__enter__()


def test_a_lock_that_is_held_for_hours_ignores_the_time_limits_of_transactions(
    impatient_server: None, postgres: PostgresResource, database: str
) -> None:
    """A backfill holds its lock in an idle transaction."""
    held = "SELECT count(*) FROM pg_locks WHERE relation = 'warehouse.partition_locks'::regclass"
    with blocking_retention(postgres), closing(psycopg.connect(database)) as onlooker:
        time.sleep(1.5)

        assert (1,) == onlooker.execute(held).fetchone()
        with pytest.raises(StoreUnavailableError), exclusive_retention(postgres):
            pass


def test_a_lock_lost_with_its_connection_does_not_fail_finished_work(
    postgres: PostgresResource, database: str
) -> None:
    """A backfill retries its statements after a restart of PostgreSQL, and need not fail."""
    end = (
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = "
        "'cryptoassets' AND datname = current_database()"
    )
    with blocking_retention(postgres), psycopg.connect(database) as administrator:
        assert [(True,)] == administrator.execute(end).fetchall()
