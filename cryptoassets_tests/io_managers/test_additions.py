"""Publishing only a partition's added files gives the same rows as publishing all files."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any
from uuid import uuid4

import dagster as dg
import psycopg
import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from cryptoassets.io_managers.judged import Transaction, publish
from cryptoassets.io_managers.judged_staging import staged_rows
from cryptoassets.io_managers.postgres import PostgresIOManager
from cryptoassets.io_managers.spark import SparkIOManager
from cryptoassets.partitions.policies import HOURLY
from cryptoassets.partitions.spans import folder_name, partition_window
from cryptoassets.resources.postgres import PostgresResource
from cryptoassets.resources.spark import SparkResource
from cryptoassets.schemas import SNAPSHOT_FLOW
from cryptoassets.stores.additions import addition_to, latest_publication
from cryptoassets.stores.checksums import clean_checksum, rows_checksum
from cryptoassets.stores.clean import CleanFiles, Seal
from cryptoassets.stores.clean_files import clean_store
from cryptoassets.stores.clean_folders import mark_complete
from cryptoassets.stores.clean_writing import delete_folder
from cryptoassets.stores.publishing import Cursor
from cryptoassets.stores.staged import StagedPartition
from cryptoassets.stores.writing import write_file
from cryptoassets_tests.io_managers import warehouse
from cryptoassets_tests.io_managers.contexts import (
    CLEAN,
    PRICES,
    QUARANTINE,
    logged,
    materializations,
    write,
)
from cryptoassets_tests.io_managers.rows import (
    HOUR,
    Row,
    broken_row,
    coin,
    judged,
    judged_row,
    start_of,
)

pytestmark = [pytest.mark.postgres, pytest.mark.spark]

WINDOW = partition_window(HOUR)
TABLES = "warehouse.coin_prices, warehouse.quarantine, warehouse.loads"
PRICE = "SELECT price_usd FROM warehouse.coin_prices WHERE raw_id = '1-0'"
CHANGED, PUBLISHED = [(Decimal(7),)], [(Decimal("1.5"),)]
CHANGE_A_DIGIT = "UPDATE warehouse.coin_prices SET price_usd = 7 WHERE raw_id = '1-0'"
"""A manual change of a price; only publishing the whole partition restores the price."""


def snapshot(minute: int, *kinds: str) -> pa.Table:
    """The judged rows of one snapshot, one coin per kind (an outcome or a reason code)."""
    rows = []
    for number, kind in enumerate(kinds):
        same: Row = {"observed_at": start_of(HOUR) + timedelta(minutes=minute)}
        same["raw_id"] = f"{minute}-{number}"
        is_outcome = kind in {"valid", "superseded"}
        row = judged_row(coin(number), outcome=kind, **same)
        rows.append(row if is_outcome else broken_row(coin(number), reasons=[kind], **same))
    return judged(*rows)


@dataclass
class Hour:
    """An hour: its cleaned files, and its rows in PostgreSQL.

    Attributes:
        spark: loads the files.
        postgres: publishes them.
        folder: the folder of the hour.
        files: the content of each file, by name.
        database: URL of PostgreSQL.
    """

    spark: SparkIOManager
    postgres: PostgresIOManager
    folder: Path
    files: dict[str, pa.Table]
    database: str

    def add(self, rows: pa.Table) -> None:
        """Add a file with newer rows, as `clean/coin_prices` does."""
        self.files[f"part-00000-{uuid4().hex}.parquet"] = rows
        self.folder.mkdir(parents=True, exist_ok=True)
        seals = {
            name: Seal(write_file(str(self.folder / name), content), clean_checksum(content))
            for name, content in self.files.items()
        }
        mark_complete(clean_store()[0], str(self.folder), SNAPSHOT_FLOW.clean, files=seals)

    def rewrite(self) -> None:
        """Write all rows to files with other names, as a rebuild of the hour does."""
        contents = list(self.files.values())
        self.clear()
        for rows in contents:
            self.add(rows)

    def clear(self) -> None:
        """Delete all files."""
        self.files.clear()
        delete_folder(clean_store()[0], str(self.folder))

    def load(self) -> CleanFiles:
        """Load the files as `warehouse/coin_prices` does."""
        with dg.build_input_context(
            asset_key=CLEAN,
            partition_key=HOUR,
            asset_partitions_def=HOURLY,
            dagster_type=dg.PythonObjectDagsterType(CleanFiles),
        ) as context:
            files = self.spark.load_input(context)
        assert isinstance(files, CleanFiles)
        return files

    def publish(self, files: CleanFiles | None = None, **to: PostgresIOManager) -> Any:
        """Publish the given files, by default all current ones; return the output context."""
        return write(to.get("to", self.postgres), PRICES, HOUR, files or self.load())

    def execute(self, statement: str) -> None:
        """Change the database as a user might do manually."""
        with psycopg.connect(self.database) as connection:
            connection.execute(statement)  # type: ignore[arg-type]

    def ask(self, query: str) -> list[tuple[Any, ...]]:
        """The rows that a query returns."""
        return warehouse.ask(self.database, query)

    def dump(self) -> dict[str, list[str]]:
        """All published rows, without columns that differ between runs."""
        return warehouse.dump(self.database)

    def checksums(self) -> tuple[str, str]:
        """The checksum in the ledger, and the one that `audit` computes from the rows."""
        with psycopg.connect(self.database) as connection:
            cursor = connection.cursor()
            kept = latest_publication(cursor, SNAPSHOT_FLOW.asset, HOUR).rows_checksum
            return str(kept), rows_checksum(cursor, SNAPSHOT_FLOW, WINDOW)


@pytest.fixture
def hour(
    spark_io_manager: SparkIOManager,
    postgres_io_manager: PostgresIOManager,
    clean_path: Path,
    database: str,
) -> Hour:
    """An hour without files."""
    folder = clean_path / SNAPSHOT_FLOW.clean.name / folder_name(WINDOW)
    return Hour(spark_io_manager, postgres_io_manager, folder, {}, database)


@pytest.fixture
def growing(hour: Hour) -> Hour:
    """An hour with two files, of which only the first is published."""
    hour.add(snapshot(1, "valid", "valid", "bad_id"))
    hour.publish()
    hour.add(snapshot(2, "valid", "superseded", "price_usd_missing"))
    return hour


KINDS = st.sampled_from(["valid", "valid", "superseded", "bad_id", "price_usd_missing"])
SNAPSHOTS = st.lists(st.lists(KINDS, min_size=1, max_size=5), min_size=2, max_size=3)


@settings(
    max_examples=3, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(snapshots=SNAPSHOTS)
def test_publishing_only_added_files_gives_the_same_rows_as_publishing_all_files(
    hour: Hour, snapshots: list[list[str]]
) -> None:
    """Table, quarantine and ledger are equal, whatever outcomes the added rows have."""
    hour.clear()
    hour.execute(f"TRUNCATE {TABLES}, warehouse.load_history")
    for minute, kinds in enumerate(snapshots):
        hour.add(snapshot(minute, *kinds))
        hour.publish()
    added = hour.dump()
    kept, actual = hour.checksums()

    hour.execute(f"TRUNCATE {TABLES}")
    hour.publish()

    assert hour.dump() == added
    assert kept == actual


def test_only_added_rows_are_written_and_a_manual_change_is_found(growing: Hour) -> None:
    """Published rows are not compared again, but the ledger's checksum reveals the change."""
    before = warehouse.versions(growing.database)
    growing.execute(CHANGE_A_DIGIT)

    context = growing.publish()

    after = warehouse.versions(growing.database)
    assert {"1-1", "1-2"} <= {name for name in before if before[name] == after[name]}
    assert {"2-0", "2-2"} == after.keys() - before.keys()
    assert [(HOUR, 6, 3, 2, 1)] == warehouse.ledger(growing.database)
    facts = logged(context)
    assert (1, 0, 6, 3) == tuple(
        facts[name]
        for name in ("rows written", "rows removed", "raw rows", "dagster/partition_row_count")
    )
    assert {"bad_id": 1, "price_usd_missing": 1} == (
        materializations(context)[QUARANTINE.to_user_string(), HOUR]["reasons"]
    )
    assert CHANGED == growing.ask(PRICE)
    kept, actual = growing.checksums()
    assert kept != actual
    growing.rewrite()
    growing.publish()
    assert PUBLISHED == growing.ask(PRICE)
    assert (kept, kept) == growing.checksums()


CAUSES = {
    "a missing row": "DELETE FROM warehouse.coin_prices WHERE raw_id = '1-1'",
    "an extra row": (
        "INSERT INTO warehouse.coin_prices SELECT 'x', observed_at, price_usd, market_cap_usd, "
        "volume_usd_24h, vwap_usd_24h, change_pct_24h, supply, max_supply, rank, source, "
        "fetched_at, 'x' FROM warehouse.coin_prices LIMIT 1"
    ),
    "a missing document in quarantine": "DELETE FROM warehouse.quarantine",
    "published by other code": "UPDATE warehouse.load_history SET files_hash = 'other'",
    "published before files were recorded": "UPDATE warehouse.load_history SET files_hash = NULL",
    "deleted history": "DELETE FROM warehouse.load_history",
    "deleted ledger": "DELETE FROM warehouse.loads",
    "published from other cleaned rows": "UPDATE warehouse.loads SET clean_checksum = '3:7'",
    "published without a checksum": "UPDATE warehouse.loads SET rows_checksum = NULL",
}


@pytest.mark.parametrize(
    "cause", [*CAUSES, "rewritten files", "a late document", "published without files"]
)
def test_the_whole_partition_is_published_unless_files_were_only_added(
    growing: Hour, cause: str
) -> None:
    """The manually changed price is restored, so all rows were compared."""
    match cause:
        case "rewritten files":
            growing.rewrite()
        case "a late document":
            late = pa.concat_tables([growing.files.popitem()[1], snapshot(0, "valid")])
            growing.rewrite()
            growing.add(late.slice(3))
            growing.add(late.slice(0, 3))
        case "published without files":
            (first, _) = growing.files.values()
            other = judged(judged_row("other", raw_id="other"))
            write(growing.postgres, PRICES, HOUR, pa.concat_tables([first.slice(0, 2), other]))
        case _:
            growing.execute(CAUSES[cause])
    growing.execute(CHANGE_A_DIGIT)

    growing.publish()
    found = growing.dump()

    assert PUBLISHED == growing.ask(PRICE)
    growing.execute(f"TRUNCATE {TABLES}")
    growing.publish()
    assert growing.dump() == found


def test_an_extra_row_in_the_time_range_of_the_added_rows_is_removed(growing: Hour) -> None:
    """Afterwards the table contains only rows from the files."""
    growing.execute(CAUSES["an extra row"])
    growing.execute(
        "UPDATE warehouse.coin_prices SET observed_at = '2026-10-31T23:02Z' WHERE raw_id = 'x'"
    )

    growing.publish()

    assert [(HOUR, 6, 3, 2, 1)] == warehouse.ledger(growing.database)
    kept, actual = growing.checksums()
    assert kept == actual


MEANWHILE: list[Callable[[], object]] = []


class OvertakenPostgres(PostgresResource):
    """Connections that call the functions in `MEANWHILE` right before they lock a partition."""

    def connect(self, *, autocommit: bool = False) -> psycopg.Connection:
        """Connect as usual, but with a cursor that calls the functions."""
        connection = super().connect(autocommit=autocommit)

        class OvertakenCursor(psycopg.Cursor[Any]):
            def execute(self, query: Any, *args: Any, **kwargs: Any) -> Any:
                while "partition_locks" in str(query) and MEANWHILE:
                    MEANWHILE.pop()()
                return super().execute(query, *args, **kwargs)

        connection.cursor_factory = OvertakenCursor
        return connection


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
    MEANWHILE.append(lambda: growing.publish(theirs))
    overtaken = PostgresIOManager(postgres=OvertakenPostgres(), spark=spark)

    growing.publish(earlier, to=overtaken)

    assert not MEANWHILE
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
