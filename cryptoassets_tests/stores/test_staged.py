"""Staged rows are published completely or not at all; tables of killed runs are dropped."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta

import psycopg
import pytest

from cryptoassets.errors import StoreUnavailableError
from cryptoassets.io_managers import judged
from cryptoassets.io_managers.judged_staging import staged_rows
from cryptoassets.io_managers.postgres import PostgresIOManager
from cryptoassets.partitions.spans import Span
from cryptoassets.resources.postgres import PostgresResource
from cryptoassets.resources.spark import SparkResource
from cryptoassets.schemas import SNAPSHOT_FLOW
from cryptoassets.stores.publishing import Cursor
from cryptoassets.stores.staged import staging_table
from cryptoassets_tests.embedded import servers
from cryptoassets_tests.embedded.conftest import MakeStack, home, make_stack, messages
from cryptoassets_tests.io_managers import warehouse
from cryptoassets_tests.io_managers.contexts import PRICES, write
from cryptoassets_tests.io_managers.rows import HOUR, judged_coins, start_of

__all__ = ["home", "make_stack", "messages"]

pytestmark = pytest.mark.postgres
WINDOW = Span(start_of(HOUR), start_of(HOUR) + timedelta(hours=1))
STAGED = "SELECT relname FROM pg_class WHERE relnamespace = 'staging'::regnamespace"


def test_nothing_is_published_if_a_crash_of_postgresql_has_deleted_staged_rows(
    make_stack: MakeStack, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A crash after COPY empties unlogged tables; the hour must not be published as empty."""
    stack = make_stack()
    url = stack.postgres_url()
    monkeypatch.setenv("POSTGRES_URL", url)
    postgres, spark = PostgresResource(), SparkResource()

    @contextmanager
    def transaction(_: str) -> Iterator[Cursor]:
        with postgres.connect() as connection, connection.cursor() as cursor:
            yield cursor

    rows = judged_coins(HOUR, range(3))
    with staged_rows(postgres, spark, SNAPSHOT_FLOW, "run", rows, [WINDOW]) as (partition,):
        with monkeypatch.context() as without_url:
            without_url.delenv("POSTGRES_URL")
            servers.kill(servers.running_pid(stack, "postgres"))
            assert url == make_stack().postgres_url()

        with pytest.raises(StoreUnavailableError, match="may have crashed in the meantime"):
            judged.publish(transaction, partition, "run")

    assert [] == warehouse.ledger(url)
    write(PostgresIOManager(postgres=postgres, spark=spark), PRICES, HOUR, rows)
    assert [(HOUR, 3, 3, 0, 0)] == warehouse.ledger(url)
    assert [] == warehouse.ask(url, STAGED)


def test_only_staging_tables_without_a_live_connection_are_dropped(
    postgres: PostgresResource, database: str
) -> None:
    """Tables of concurrent runs are kept, and tables of killed runs are dropped."""
    killed = postgres.connect(autocommit=True)
    with (
        postgres.connect(autocommit=True) as alive,
        staging_table(alive, SNAPSHOT_FLOW, "alive") as kept,
    ):
        work_of_killed = staging_table(killed, SNAPSHOT_FLOW, "killed")
        orphan = work_of_killed.__enter__()
        killed.close()
        _await_end_of(database, orphan)

        with (
            postgres.connect(autocommit=True) as other,
            staging_table(other, SNAPSHOT_FLOW, "other") as own,
        ):
            assert {(kept,), (own,)} == set(warehouse.ask(database, STAGED))
        del work_of_killed


def _await_end_of(database: str, table: str) -> None:
    """Wait until the server has noticed that the connection of a table's owner is closed."""
    query = "SELECT obj_description(('staging.' || %s)::regclass, 'pg_class')"
    with psycopg.connect(database, autocommit=True) as connection:
        ((owner,),) = connection.execute(query, [table]).fetchall()
        pid = int(owner.partition(" ")[0])
        while connection.execute("SELECT 1 FROM pg_stat_activity WHERE pid = %s", [pid]).fetchone():
            pass
