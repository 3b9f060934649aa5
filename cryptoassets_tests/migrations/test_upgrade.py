"""`upgrade` is idempotent, atomic and safe to run concurrently."""

import os
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import psycopg
import pytest
from alembic.script import ScriptDirectory
from psycopg.conninfo import conninfo_to_dict

from cryptoassets import migrations
from cryptoassets.errors import SchemaMismatchError, UnknownRevisionError
from cryptoassets.migrations import HEAD, upgrade
from cryptoassets.migrations.runner import run_revisions

pytestmark = pytest.mark.postgres

UPGRADE = """
import os
from cryptoassets.migrations import upgrade
upgrade(os.environ["POSTGRES_URL"])
"""
WAITING = "SELECT count(*) FROM pg_locks WHERE locktype = 'relation' AND NOT granted"
ROWS_OF_THE_FIRST_REVISION = """
    INSERT INTO warehouse.loads VALUES ('a', 'p', 'run', 3, 1, 1, 1, '2026-01-01Z');
    INSERT INTO warehouse.coins
        VALUES ('btc', 'BTC', 'B', 1, 21, NULL, '2026-01-01Z', '2026-01-02Z');
    CREATE TABLE warehouse.month PARTITION OF warehouse.coin_prices DEFAULT;
    INSERT INTO warehouse.coin_prices (coin_id, observed_at, price_usd, rank, source, fetched_at,
        raw_id) VALUES ('btc', '2026-01-01Z', 1.5, 1, 'coincap', '2026-01-01Z', 'x');
    INSERT INTO warehouse.coin_price_history
        VALUES ('btc', 'h1', '2026-01-01Z', 1.5, NULL, 'coincap', '2026-01-01Z', 'x');
    INSERT INTO warehouse.quarantine VALUES ('y', 'a', 'p', '{bad_id}', '{}', '2026-01-01Z', 'run');
    INSERT INTO warehouse.gaps
        VALUES ('btc', 'h1', '2026-01-01Z', '2026-01-02Z', '2026-01-03Z', NULL, false);
    INSERT INTO warehouse.credits VALUES ('2026-01-01Z', '/assets', 18, NULL);
    INSERT INTO marts.coin_daily VALUES
        ('btc', '2026-01-01', 1, 2, 1, 2, NULL, NULL, 1, NULL, NULL, 0);
    INSERT INTO marts.market_daily VALUES ('2026-01-01', 1, 1, 1, 1, 0, 0)
"""
TABLES_OF_THE_FIRST_REVISION = (
    *("warehouse.loads", "warehouse.coins", "warehouse.coin_prices"),
    *("warehouse.coin_price_history", "warehouse.quarantine", "warehouse.gaps"),
    *("warehouse.credits", "marts.coin_daily", "marts.market_daily"),
)


def revision(url: str) -> object:
    """Return the revision that is recorded in the database."""
    with psycopg.connect(url) as connection:
        row = connection.execute("SELECT version_num FROM warehouse.alembic_version").fetchone()
    return row and row[0]


def rows_of_the_first_revision(url: str) -> dict[str, list[tuple[object, ...]]]:
    """Return all rows of the tables that the first revision created."""
    with psycopg.connect(url) as connection:
        return {
            name: connection.execute(f"TABLE {name}").fetchall()
            for name in TABLES_OF_THE_FIRST_REVISION
        }


def start_upgrade(url: str) -> "subprocess.Popen[str]":
    """Start a process that upgrades the database."""
    return subprocess.Popen(
        [sys.executable, "-c", UPGRADE],
        env=os.environ | {"POSTGRES_URL": url},
        stderr=subprocess.PIPE,
        text=True,
    )


def wait_for_waiters(url: str, wanted: int) -> None:
    """Return as soon as `wanted` sessions wait for a table that another session has locked."""
    deadline = time.monotonic() + 60
    with psycopg.connect(url, autocommit=True) as connection:
        while connection.execute(WAITING).fetchone() != (wanted,):
            assert time.monotonic() < deadline, f"fewer than {wanted} sessions wait"
            time.sleep(0.02)


def test_head_is_the_newest_revision() -> None:
    """HEAD is derived from file names; if it were wrong, every start would run alembic."""
    script = ScriptDirectory(str(Path(migrations.__file__).parent))

    assert [HEAD] == script.get_heads()


def test_an_empty_database_is_upgraded_to_head(empty_database: str) -> None:
    """The first run of the platform finds an empty database."""
    upgrade(empty_database)

    assert HEAD == revision(empty_database)


def test_a_migrated_database_is_only_read(database: str) -> None:
    """Every process calls `upgrade` when it first connects, so alembic must run only if needed."""
    with psycopg.connect(database) as connection:
        connection.execute("INSERT INTO warehouse.credits VALUES (now(), '/assets', 18, NULL)")
        connection.commit()
        # A migration would wait for this lock until it timed out.
        connection.execute("LOCK TABLE warehouse.alembic_version IN EXCLUSIVE MODE")

        upgrade(database)

        assert (1,) == connection.execute("SELECT count(*) FROM warehouse.credits").fetchone()


def test_an_upgrade_from_the_first_revision_keeps_all_rows(empty_database: str) -> None:
    """Users upgrade databases with months of data. New columns come last and are not compared."""
    run_revisions(empty_database, "0001")
    with psycopg.connect(empty_database) as connection:
        connection.execute(ROWS_OF_THE_FIRST_REVISION)
    before = rows_of_the_first_revision(empty_database)

    upgrade(empty_database)

    after = rows_of_the_first_revision(empty_database)
    with psycopg.connect(empty_database) as connection:
        expired = connection.execute("SELECT expired_at FROM warehouse.loads").fetchall()
        aliases = connection.execute("SELECT alias, coin_id FROM warehouse.coin_aliases").fetchall()
    assert all(before.values())
    assert before == {
        name: [row[: len(before[name][0])] for row in rows] for name, rows in after.items()
    }
    assert ([(None,)], [("ripple", "xrp")]) == (expired, aliases)
    assert HEAD == revision(empty_database)


def test_concurrent_migrations_upgrade_the_database_to_head(empty_database: str) -> None:
    """In Docker Compose, two code locations start at the same time."""
    with ThreadPoolExecutor(4) as pool:
        outcomes = list(pool.map(upgrade, [empty_database] * 4))

    assert [None] * 4 == outcomes
    assert HEAD == revision(empty_database)


def test_two_processes_can_upgrade_an_old_database_at_the_same_time(empty_database: str) -> None:
    """The upgrades overlap, because both start while a third session has locked Alembic's table."""
    run_revisions(empty_database, "0001")
    with psycopg.connect(empty_database) as other:
        other.execute("LOCK TABLE warehouse.alembic_version IN EXCLUSIVE MODE")
        started = [start_upgrade(empty_database) for _ in range(2)]
        wait_for_waiters(empty_database, len(started))
        other.rollback()

    errors = [process.communicate(timeout=60)[1] for process in started]

    assert [0, 0] == [process.returncode for process in started], errors
    assert HEAD == revision(empty_database)


def test_a_failed_revision_changes_nothing(empty_database: str) -> None:
    """A partly created schema could neither be used nor migrated."""
    with psycopg.connect(empty_database) as connection:
        connection.execute("CREATE SCHEMA marts CREATE TABLE coin_daily (stranger int)")

    with pytest.raises(SchemaMismatchError, match=r"already has marts\.coin_daily, .* rename"):
        upgrade(empty_database)

    with psycopg.connect(empty_database) as connection:
        assert (None,) == connection.execute("SELECT to_regnamespace('warehouse')").fetchone()


def test_a_schema_of_a_newer_version_is_refused_and_not_changed(database: str) -> None:
    """If a user switches to an older checkout, its SQL must not run on the newer schema."""
    with psycopg.connect(database) as connection:
        connection.execute("UPDATE warehouse.alembic_version SET version_num = '9999'")

    with pytest.raises(
        UnknownRevisionError, match=r"revision 9999.*retry will not help"
    ) as refused:
        upgrade(database)

    name = conninfo_to_dict(database)["dbname"]
    assert str(refused.value).startswith(f"PostgreSQL database '{name}' is at ")
    assert "`git pull && make run`" in str(refused.value)
    assert not refused.value.is_retryable

    assert "9999" == revision(database)
