"""Publishing is one transaction: readers see the old state or the new one, even after a kill."""

import json
import os
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import psycopg
import pyarrow as pa
import pytest

from cryptoassets.io_managers.postgres import PostgresIOManager
from cryptoassets.migrations.runner import run_revisions
from cryptoassets.project import project_root
from cryptoassets.resources.credits import PostgresCreditKeeper
from cryptoassets.resources.locks import lock
from cryptoassets_tests.io_managers import warehouse
from cryptoassets_tests.io_managers.contexts import PRICES, write
from cryptoassets_tests.io_managers.rows import (
    HOUR,
    broken_row,
    coin,
    judged,
    judged_coins,
    judged_row,
)

INVARIANT = """
    SELECT raw_rows, loaded_rows, quarantined_rows,
        (SELECT count(*) FROM warehouse.coin_prices
         WHERE observed_at >= '2026-10-31T23:00Z' AND observed_at < '2026-11-01T00:00Z'),
        (SELECT count(*) FROM warehouse.quarantine WHERE partition_key = '2026-10-31-23:00')
    FROM warehouse.loads WHERE partition_key = '2026-10-31-23:00'
"""
STAGED = "SELECT relname FROM pg_class WHERE relnamespace = 'staging'::regnamespace"
# If several sessions wait for a locked row, the first waits for the transaction that holds the
# lock, and the others wait for the tuple.
WAITING = """
    SELECT count(*) FROM pg_locks WHERE locktype IN ('transactionid', 'tuple') AND NOT granted
"""


def wait_for_waiters(url: str, wanted: int) -> None:
    """Wait until `wanted` sessions wait for a row that another session has locked."""
    deadline = time.monotonic() + 20
    while (waiting := warehouse.ask(url, WAITING)[0][0]) < wanted:
        assert time.monotonic() < deadline, f"{waiting} of {wanted} sessions are waiting"
        time.sleep(0.02)


@pytest.mark.postgres
def test_a_publisher_killed_between_any_two_statements_changes_everything_or_nothing(
    database: str,
) -> None:
    """The process is killed by SIGKILL at each of its statements in turn."""
    finished = subprocess.run(
        [sys.executable, "-m", "cryptoassets_tests.io_managers.dying"],
        env={**os.environ, "POSTGRES_URL": database},
        cwd=project_root(),
        stdout=subprocess.PIPE,
        check=True,
    )

    for publication in json.loads(finished.stdout):
        before, states = publication["before"], [state["rows"] for state in publication["states"]]
        undisturbed = states[-1]
        first_after = states.index(undisturbed)
        killed_before_commit, killed_after_commit = states[:first_after], states[first_after:]
        assert 12 <= len(killed_before_commit)
        assert [before] * len(killed_before_commit) == killed_before_commit
        assert before != undisturbed
        assert 2 <= len(killed_after_commit)
        assert [undisturbed] * len(killed_after_commit) == killed_after_commit
        # A query planned before a month's partition existed would see the month's ledger rows but
        # not its prices. Therefore the empty partition is committed before it is filled.
        last_before = publication["states"][first_after - 1]
        assert "warehouse.coin_prices_2026_10" in last_before["months"]
    # Each publication drops the staging tables of killed publications.
    assert [] == warehouse.ask(database, STAGED)


@pytest.mark.postgres
def test_a_second_publication_waits_for_the_first(
    postgres_io_manager: PostgresIOManager, database: str
) -> None:
    """An Airflow retry and a manual run may overlap; here the older view is published last."""
    newer, older = judged_coins(HOUR, range(3)), judged_coins(HOUR, range(2))
    with ThreadPoolExecutor() as pool, psycopg.connect(database) as first:
        lock(first.cursor(), "warehouse/coin_prices", HOUR)
        second = pool.submit(write, postgres_io_manager, PRICES, HOUR, newer)
        wait_for_waiters(database, 1)
        assert [] == warehouse.ledger(database)
        first.rollback()
        second.result(timeout=30)

    write(postgres_io_manager, PRICES, HOUR, older)

    assert [(HOUR, 3, 3, 0, 0)] == warehouse.ledger(database)


@pytest.mark.postgres
def test_an_analyst_cannot_block_a_publication(
    postgres_io_manager: PostgresIOManager, database: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Even a read-only role can take advisory locks, so publishing does not use them."""
    monkeypatch.setenv("POSTGRES_URL", f"{database}?options=-c%20lock_timeout%3D2s")
    names = [f"{asset} {HOUR}" for asset in ("warehouse/coins", "warehouse/coin_prices")]
    names += [f"cryptoassets.{what}" for what in ("credits", "migrations", "months_of_coin_prices")]
    with psycopg.connect(database) as reader:
        reader.execute("SET SESSION AUTHORIZATION analyst")
        for name in names:
            reader.execute("SELECT pg_advisory_lock(hashtextextended(%s, 0))", [name])
        reader.execute("LOCK TABLE warehouse.partition_locks IN ACCESS SHARE MODE")
        reader.execute("SELECT * FROM warehouse.coin_prices")

        write(postgres_io_manager, PRICES, HOUR, judged_coins(HOUR, range(1)))
        PostgresCreditKeeper(postgres_io_manager.postgres.connect, 0, "paced").reserve("/assets", 1)
        run_revisions(database)

    assert [(HOUR, 1, 1, 0, 0)] == warehouse.ledger(database)


@pytest.mark.postgres
def test_two_concurrent_publications_result_in_the_newer_view(
    postgres_io_manager: PostgresIOManager, database: str
) -> None:
    """The result does not depend on which publication gets the lock first."""
    for round_number in range(6):
        changed = {"rank": round_number + 1}
        views = [judged_coins(HOUR, range(n + round_number), **changed) for n in (2, 3)]
        order = views if round_number % 2 else reversed(views)

        with ThreadPoolExecutor() as pool, psycopg.connect(database) as other:
            lock(other.cursor(), "warehouse/coin_prices", HOUR)
            publications = []
            for view in order:
                publications.append(pool.submit(write, postgres_io_manager, PRICES, HOUR, view))
                wait_for_waiters(database, len(publications))
            other.rollback()
            for publication in publications:
                publication.result(timeout=30)

        loaded = 3 + round_number
        assert [(HOUR, loaded, loaded, 0, 0)] == warehouse.ledger(database)
        assert loaded == len(warehouse.versions(database))


@pytest.mark.postgres
def test_publications_of_other_partitions_do_not_wait(
    postgres_io_manager: PostgresIOManager, database: str
) -> None:
    """A backfill may run at the same time as a run for the current hour."""
    with psycopg.connect(database) as other:
        lock(other.cursor(), "warehouse/coin_prices", "2026-10-31-22:00")

        write(postgres_io_manager, PRICES, HOUR, judged_coins(HOUR, range(1)))

    assert [(HOUR, 1, 1, 0, 0)] == warehouse.ledger(database)


@pytest.mark.postgres
def test_no_reader_sees_a_partial_publication(
    postgres_io_manager: PostgresIOManager, database: str
) -> None:
    """Table, quarantine and ledger agree in every query during 30 publications."""
    views: list[tuple[int, ...]] = []
    is_over = threading.Event()

    def watch() -> None:
        with psycopg.connect(database, autocommit=True) as connection:
            while not is_over.is_set():
                views.extend(connection.execute(INVARIANT).fetchall())

    with ThreadPoolExecutor() as pool:
        watching = pool.submit(watch)
        for number in range(30):
            write(postgres_io_manager, PRICES, HOUR, view_number(number))
        is_over.set()
        watching.result(timeout=30)

    torn = [row for row in views if row[1:3] != row[3:5] or row[0] != row[1] + row[2]]
    assert [] == torn
    assert 30 <= len(views)
    assert 10 <= len(set(views))


def view_number(number: int) -> pa.Table:
    """A growing set of rows; at each step, all earlier rows move between table and quarantine."""
    makers = (judged_row, broken_row)
    return judged(*(makers[(n + number) % 2](coin(n)) for n in range(20 + number)))
