"""Promises of `upgrade`: idempotent, whole or not at all, safe beside another."""

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


def revision(url: str) -> object:
    """Return the revision that the database says it is at."""
    with psycopg.connect(url) as connection:
        row = connection.execute("SELECT version_num FROM warehouse.alembic_version").fetchone()
    return row and row[0]


def test_the_head_that_is_looked_for_is_the_newest_revision() -> None:
    """HEAD is written by hand: forgotten, every start would take the slow way."""
    script = ScriptDirectory(str(Path(migrations.__file__).parent))

    assert [HEAD] == script.get_heads()


def test_an_empty_database_is_brought_to_head(empty_database: str) -> None:
    """A newcomer's first run has nothing but a server."""
    upgrade(empty_database)

    assert HEAD == revision(empty_database)


def test_running_it_again_changes_nothing_and_is_quick(database: str) -> None:
    """Every process asks at its first connection."""
    with psycopg.connect(database) as connection:
        connection.execute("INSERT INTO warehouse.credits VALUES (now(), '/assets', 18, NULL)")
    start = time.perf_counter()

    upgrade(database)

    with psycopg.connect(database) as connection:
        assert (1,) == connection.execute("SELECT count(*) FROM warehouse.credits").fetchone()
    assert time.perf_counter() - start < 1.0  # 0.01 s alone on the machine


def test_a_database_of_the_first_revision_keeps_its_rows_on_the_way(empty_database: str) -> None:
    """A user upgrades with a ledger that took months to fill."""
    run_revisions(empty_database, "0001")
    with psycopg.connect(empty_database) as connection:
        connection.execute(
            "INSERT INTO warehouse.loads VALUES ('a', 'p', 'run', 3, 1, 1, 1, '2026-01-01Z')"
        )

    upgrade(empty_database)

    with psycopg.connect(empty_database) as connection:
        query = "SELECT raw_rows, expired_at FROM warehouse.loads"
        assert [(3, None)] == connection.execute(query).fetchall()
        aliases = connection.execute("SELECT alias, coin_id FROM warehouse.coin_aliases")
        assert [("ripple", "xrp")] == aliases.fetchall()
    assert HEAD == revision(empty_database)


def test_migrators_at_once_bring_the_database_to_head_together(empty_database: str) -> None:
    """In compose two code locations start in the same second."""
    with ThreadPoolExecutor(4) as pool:
        outcomes = list(pool.map(upgrade, [empty_database] * 4))

    assert [None] * 4 == outcomes
    assert HEAD == revision(empty_database)


def test_a_revision_that_fails_leaves_nothing_behind(empty_database: str) -> None:
    """A half-made schema could neither be used nor migrated."""
    with psycopg.connect(empty_database) as connection:
        connection.execute("CREATE SCHEMA marts CREATE TABLE coin_daily (stranger int)")

    with pytest.raises(SchemaMismatchError, match=r"already has marts\.coin_daily, .* rename"):
        upgrade(empty_database)

    with psycopg.connect(empty_database) as connection:
        assert (None,) == connection.execute("SELECT to_regnamespace('warehouse')").fetchone()


def test_a_schema_of_a_newer_version_is_named_and_left_alone(database: str) -> None:
    """Going back to an older checkout must not run old SQL over a new schema."""
    with psycopg.connect(database) as connection:
        connection.execute("UPDATE warehouse.alembic_version SET version_num = '9999'")

    with pytest.raises(UnknownRevisionError, match=r"revision 9999.*retry will not help") as told:
        upgrade(database)

    name = conninfo_to_dict(database)["dbname"]
    assert str(told.value).startswith(f"PostgreSQL database '{name}' is at ")
    assert "`git pull && make run`" in str(told.value)
    assert not told.value.is_retryable

    assert "9999" == revision(database)
