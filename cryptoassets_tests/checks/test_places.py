"""The reconciliation compares counts and checksums, then ids if these differ."""

from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path

import psycopg
import pytest

from cryptoassets.checks.places import Reconciliation, compare_places, reconcile
from cryptoassets.partitions.spans import partition_window
from cryptoassets.resources.mongo import MongoResource
from cryptoassets.resources.postgres import PostgresResource, ensure_months
from cryptoassets.schemas import SNAPSHOT_FLOW
from cryptoassets.stores.checksums import rows_checksum
from cryptoassets.stores.clean_checksums import files_checksum
from cryptoassets.stores.clean_folders import clean_partition
from cryptoassets.stores.mongodb import Lake
from cryptoassets.transforms.reconciliation import stored_id
from cryptoassets_tests.checks.parquet import plant_files
from cryptoassets_tests.io_managers.rows import HOUR, broken_row, judged, judged_row, start_of

pytestmark = [pytest.mark.mongo, pytest.mark.postgres]

START, WINDOW = start_of(HOUR), partition_window(HOUR)
LONG_AGO = START + timedelta(minutes=1)
ODD = "x" * 700 + "\x00"
"""An id that PostgreSQL cannot store unchanged."""
ROWS = """
    INSERT INTO warehouse.coin_prices (coin_id, observed_at, price_usd, rank, source, fetched_at,
        raw_id) VALUES ('a', %(at)s, 1, 1, 'simulator', %(at)s, 'a'),
        ('d', %(at)s, 1, 1, 'simulator', %(at)s, 'd')
"""
REFUSED = """
    INSERT INTO warehouse.quarantine VALUES
    ('b', 'warehouse/coin_prices', %(key)s, '{odd}', NULL, %(at)s, 'r'),
    (%(odd)s, 'warehouse/coin_prices', %(key)s, '{odd}', NULL, %(at)s, 'r')
"""
LEDGER = """
    INSERT INTO warehouse.loads VALUES
    ('warehouse/coin_prices', %(key)s, 'r', 5, 2, 2, 1, now(), NULL, 1, %(files)s, %(rows)s)
"""
Compare = Callable[[], Reconciliation]


@pytest.fixture
def connection(
    lake: Lake, postgres: PostgresResource, clean_path: Path
) -> Iterator[psycopg.Connection]:
    """Five documents: a and d are loaded, b and `ODD` are quarantined, c is superseded."""
    names = ("a", "b", "c", "d", ODD)
    lake["coin_snapshots"].insert_many(
        [{"_id": name, "observed_at": START, "fetched_at": LONG_AGO} for name in names]
    )
    later = {"observed_at": START + timedelta(minutes=5)}
    first = [judged_row(name, raw_id=name) for name in "ad"]
    second = [broken_row(raw_id=name, **later) for name in ("b", ODD)]
    superseded = judged_row(raw_id="c", outcome="superseded", **later)
    plant_files(clean_path, HOUR, judged(*first), judged(*second, superseded))
    facts = {"at": START, "key": HOUR, "odd": stored_id(ODD)}
    with postgres.connect(autocommit=True) as connection:
        ensure_months(connection, [START.date()])
        connection.execute(ROWS, facts)
        connection.execute(REFUSED, facts)
        facts["files"] = files_checksum(SNAPSHOT_FLOW.clean, WINDOW)
        facts["rows"] = rows_checksum(connection.cursor(), SNAPSHOT_FLOW, WINDOW)
        connection.execute(LEDGER, facts)
        yield connection


@pytest.fixture
def by_ids(mongo: MongoResource, postgres: PostgresResource) -> Compare:
    """A function that compares all ids."""
    return lambda: compare_places(
        mongo, postgres, SNAPSHOT_FLOW, clean_partition(SNAPSHOT_FLOW.clean, WINDOW), WINDOW
    )


@pytest.fixture
def by_counts_first(mongo: MongoResource, postgres: PostgresResource) -> Compare:
    """A function that compares counts and checksums first, as the check does."""
    return lambda: reconcile(mongo, postgres, SNAPSHOT_FLOW, WINDOW)


@pytest.mark.usefixtures("connection")
def test_a_consistent_partition_has_no_problems(by_ids: Compare, by_counts_first: Compare) -> None:
    """The other tests start from this state."""
    assert Reconciliation([], 5, 0) == by_ids()
    assert Reconciliation([], 5, 0) == by_counts_first()


@pytest.mark.parametrize(
    ("statement", "problems"),
    [
        (
            "DELETE FROM warehouse.coin_prices WHERE raw_id = 'a'",
            ["1 valid rows are missing from the table (a)", "the ledger shows"],
        ),
        (
            "UPDATE warehouse.coin_prices SET raw_id = 'e' WHERE raw_id = 'a'",
            [
                "1 valid rows are missing from the table (a)",
                "1 rows of the table are not valid rows of the cleaned partition (e)",
            ],
        ),
        (
            "UPDATE warehouse.quarantine SET raw_id = 'a' WHERE raw_id = 'b'",
            [
                "1 quarantined rows are missing from the quarantine (b)",
                "1 rows of the quarantine are not quarantined rows of the cleaned partition (a)",
                "1 documents are both loaded and quarantined (a)",
            ],
        ),
        (
            "UPDATE warehouse.loads SET loaded_rows = 1, superseded_rows = 2",
            ["the ledger shows 5 raw = 1 loaded + 2 quarantined + 2 superseded; the stores show 5"],
        ),
        ("DELETE FROM warehouse.loads", ["the ledger has no row for this partition"]),
    ],
)
def test_changes_in_postgresql_are_reported(
    connection: psycopg.Connection,
    by_ids: Compare,
    by_counts_first: Compare,
    statement: str,
    problems: list[str],
) -> None:
    """Counts or checksums reveal each change, and then ids are compared."""
    connection.execute(statement)

    for found in (by_ids(), by_counts_first()):
        assert len(problems) == len(found.problems), found
        for expected, problem in zip(problems, found.problems, strict=True):
            assert problem.startswith(expected)


@pytest.mark.usefixtures("connection")
def test_all_documents_are_counted_and_three_are_shown(lake: Lake, by_ids: Compare) -> None:
    """The documents fill more than one batch; the shown ids are the first in ascending order."""
    ids = [f"new {number:05}" for number in range(10_001)]
    lake["coin_snapshots"].insert_many(
        [{"_id": name, "observed_at": START, "fetched_at": LONG_AGO} for name in ids]
    )
    lake["coin_snapshots"].delete_one({"_id": "c"})

    found = by_ids()

    shown = "new 00000, new 00001, new 00002, ..."
    assert [
        f"10001 raw documents have not been processed yet ({shown})",
        "1 cleaned rows have no raw document (c)",
    ] == found.problems
    assert 10_005 == found.documents


def test_a_document_that_arrived_during_publication_is_not_a_problem(
    lake: Lake, connection: psycopg.Connection, by_ids: Compare, by_counts_first: Compare
) -> None:
    """Micro-batches may overlap: another run will process the document. Only `audit` reports it."""
    (now,) = connection.execute("SELECT now()").fetchone() or (None,)
    for name, fetched_at in (("young", now), ("text", "2999"), ("old", LONG_AGO)):
        lake["coin_snapshots"].insert_one(
            {"_id": name, "observed_at": START, "fetched_at": fetched_at}
        )

    found = by_counts_first()

    problem = "raw documents have not been processed yet"
    assert ([f"2 {problem} (old, text)"], 8, 1) == found
    assert [f"3 {problem} (old, text, young)"] == by_ids().problems


def test_a_partition_without_its_parquet_files_is_still_compared(
    clean_path: Path, connection: psycopg.Connection, by_counts_first: Compare
) -> None:
    """A user may have deleted the files."""
    del connection
    for file in (clean_path / "coin_prices").glob("*/*"):
        file.unlink()

    found = by_counts_first()

    assert "5 raw documents have not been processed yet" in found.problems[0]
    assert 4 == len(found.problems)
