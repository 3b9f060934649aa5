"""If a run that publishes added files is overtaken or killed, no row is lost or duplicated."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import psycopg
import pytest

from cryptoassets.io_managers.judged import Transaction, publish
from cryptoassets.io_managers.judged_staging import staged_rows
from cryptoassets.io_managers.postgres import PostgresIOManager
from cryptoassets.resources.spark import SparkResource
from cryptoassets.schemas import SNAPSHOT_FLOW
from cryptoassets.stores.additions import addition_to, latest_publication
from cryptoassets.stores.publishing import Cursor
from cryptoassets.stores.staged import StagedPartition
from cryptoassets_tests.io_managers import warehouse
from cryptoassets_tests.io_managers.hours import TABLES, WINDOW, Hour, snapshot
from cryptoassets_tests.io_managers.interruptions import INTERRUPTIONS, InterruptedPostgres
from cryptoassets_tests.io_managers.rows import HOUR

pytestmark = [pytest.mark.postgres, pytest.mark.spark]


@pytest.mark.parametrize("published", ["the same files", "one more file", "fewer files"])
def test_a_run_that_is_overtaken_compares_all_rows(
    growing: Hour, spark: SparkResource, published: str
) -> None:
    """Another run publishes after this run has read the ledger and staged its rows."""
    earlier = growing.load()
    if published == "one more file":
        growing.add(snapshot(3, "valid", "bad_id"))
    theirs = growing.load()
    if published == "fewer files":
        growing.add(snapshot(3, "valid", "bad_id"))
        earlier = growing.load()
    INTERRUPTIONS.append(lambda: growing.publish(theirs))
    overtaken = PostgresIOManager(
        postgres=InterruptedPostgres(before="partition_locks"), spark=spark
    )

    growing.publish(earlier, to=overtaken)

    assert not INTERRUPTIONS
    found = growing.dump()
    growing.execute(f"TRUNCATE {TABLES}")
    growing.publish()
    assert growing.dump() == found


def test_a_publisher_killed_at_any_statement_changes_everything_or_nothing(
    growing: Hour, spark: SparkResource
) -> None:
    """The connection is closed before each statement in turn, and before the commit."""
    before, files = growing.dump(), growing.load()
    postgres = growing.postgres.postgres
    with psycopg.connect(growing.database) as connection:
        latest = latest_publication(connection.cursor(), SNAPSHOT_FLOW.asset, HOUR)
    addition = addition_to(latest, files)
    assert addition is not None
    kills = 0

    @contextmanager
    def transaction(_: str) -> Iterator[Cursor]:
        with postgres.connect() as connection:
            cursor = _ClosingCursor(connection, kills)
            yield cursor
            cursor.count_down()

    with staged_rows(postgres, spark, SNAPSHOT_FLOW, "r", addition, [WINDOW]) as (staged,):
        while not try_to_publish(transaction, staged):
            assert before == growing.dump()
            kills += 1

    assert 12 <= kills
    assert [(HOUR, 6, 3, 2, 1)] == warehouse.ledger(growing.database)


def try_to_publish(transaction: Transaction, staged: StagedPartition) -> bool:
    """Publish the rows; return False if the connection was closed."""
    try:
        publish(transaction, staged, "r")
    except psycopg.OperationalError:
        return False
    return True


class _ClosingCursor(psycopg.Cursor[Any]):
    """A cursor that closes its connection before one of its statements."""

    def __init__(self, connection: psycopg.Connection[Any], statements_left: int) -> None:
        super().__init__(connection)
        self._statements_left = statements_left

    def count_down(self) -> None:
        """Count down one statement; close the connection if no statement is left."""
        if self._statements_left == 0:
            self.connection.close()
            # A connection that is closed before its commit raises nothing by itself.
            raise psycopg.OperationalError
        self._statements_left -= 1

    def execute(self, *args: Any, **kwargs: Any) -> Any:
        self.count_down()
        return super().execute(*args, **kwargs)
