"""`upgrade` is idempotent, atomic and safe to run concurrently."""

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
    """Return the revision that is recorded in the database."""
    with psycopg.connect(url) as connection:
        row = connection.execute("SELECT version_num FROM warehouse.alembic_version").fetchone()
    return row and row[0]


def test_head_is_the_newest_revision() -> None:
    """HEAD is read from file names; with an outdated value every start would run alembic."""
    script = ScriptDirectory(str(Path(migrations.__file__).parent))

    assert [HEAD] == script.get_heads()


def test_an_empty_database_is_upgraded_to_head(empty_database: str) -> None:
    """The first run of the platform finds an empty database."""
    upgrade(empty_database)

    assert HEAD == revision(empty_database)


def test_running_it_again_changes_nothing_and_is_fast(database: str) -> None:
    """Every process calls `upgrade` at its first connection."""
    with psycopg.connect(database) as connection:
        connection.execute("INSERT INTO warehouse.credits VALUES (now(), '/assets', 18, NULL)")
    start = time.perf_counter()

    upgrade(database)

    with psycopg.connect(database) as connection:
        assert (1,) == connection.execute("SELECT count(*) FROM warehouse.credits").fetchone()
    assert time.perf_counter() - start < 1.0  # 0.01 s on an idle machine


def test_an_upgrade_from_the_first_revision_keeps_all_rows(empty_database: str) -> None:
    """Users upgrade databases that they have used for months."""
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


def test_concurrent_migrations_upgrade_the_database_to_head(empty_database: str) -> None:
    """In compose two code locations start at the same time."""
    with ThreadPoolExecutor(4) as pool:
        outcomes = list(pool.map(upgrade, [empty_database] * 4))

    assert [None] * 4 == outcomes
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
