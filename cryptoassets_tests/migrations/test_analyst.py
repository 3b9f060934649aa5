"""The role `analyst` may read the warehouse and the marts, and nothing else."""

import uuid
from collections.abc import Callable, Iterator
from datetime import date
from pathlib import Path

import psycopg
import pytest
from psycopg import sql

from cryptoassets import migrations
from cryptoassets.migrations import HEAD, upgrade
from cryptoassets.resources.postgres import ensure_months
from cryptoassets.schemas import POSTGRES_TABLES
from cryptoassets_tests.resources.postgres_fixtures import administer

pytestmark = pytest.mark.postgres


@pytest.fixture
def analyst(database: str) -> Iterator[psycopg.Connection]:
    """A connection with the role analyst to a database with one monthly partition of prices."""
    grants = Path(migrations.__file__).with_name("versions") / "r0001_analyst.sql"
    with psycopg.connect(database, autocommit=True) as connection:
        # Copying a database does not copy the rights on the database itself, so set them again.
        connection.execute(grants.read_text())
        ensure_months(connection, [date(2026, 11, 1)])
        connection.execute("CREATE TABLE public.unrelated (secret text)")
        connection.execute("CREATE TABLE staging.staged_rows (raw_id text)")
        connection.execute("SET ROLE analyst")
        yield connection


@pytest.fixture
def unprivileged_owner(postgres_url_of: Callable[[str], str]) -> Iterator[str]:
    """URL of a database whose owner may not create roles, on a server without the role analyst."""
    name = f"poor_{uuid.uuid4().hex[:8]}"
    administer(postgres_url_of, "CREATE ROLE {} LOGIN PASSWORD 'poor'", name)
    administer(postgres_url_of, "CREATE DATABASE {} OWNER {}", name, name)
    # Rename the role analyst: it cannot be dropped because it has grants in other databases.
    administer(postgres_url_of, "ALTER ROLE analyst RENAME TO analyst_aside")
    parameters = psycopg.conninfo.conninfo_to_dict(postgres_url_of(name))
    yield psycopg.conninfo.make_conninfo(**(parameters | {"user": name, "password": "poor"}))
    administer(postgres_url_of, "ALTER ROLE analyst_aside RENAME TO analyst")
    administer(postgres_url_of, "DROP DATABASE {} WITH (FORCE)", name)
    administer(postgres_url_of, "DROP ROLE {}", name)


def test_the_analyst_can_read_every_table_and_view(analyst: psycopg.Connection) -> None:
    """This includes monthly partitions created after the migration, which do not inherit rights."""
    relations = analyst.execute(
        "SELECT nspname, relname FROM pg_class JOIN pg_namespace n ON n.oid = relnamespace "
        "WHERE nspname IN ('warehouse', 'marts') AND relkind IN ('r', 'p', 'v')"
    ).fetchall()

    for relation in relations:
        analyst.execute(sql.SQL("SELECT * FROM {}").format(sql.Identifier(*relation)))

    assert ("warehouse", "coin_prices_2026_11") in relations
    # The two additional tables are Alembic's table and the monthly partition.
    assert len(POSTGRES_TABLES) + 2 == len(relations)


@pytest.mark.parametrize(
    "statement",
    [
        "INSERT INTO warehouse.credits VALUES (now(), '/assets', 1, NULL)",
        "UPDATE warehouse.coins SET rank = 1",
        "DELETE FROM warehouse.quarantine",
        "TRUNCATE marts.coin_daily",
        "DROP TABLE marts.coin_daily",
        "CREATE TABLE warehouse.mine ()",
        "CREATE TABLE public.mine ()",
        "CREATE TABLE staging.mine ()",
        "SELECT * FROM staging.staged_rows",
        "CREATE TEMPORARY TABLE mine ()",
        "CREATE SCHEMA mine",
        "SELECT * FROM public.unrelated",
        "SELECT rolpassword FROM pg_authid",
        "INSERT INTO warehouse.partition_locks VALUES ('mine', '')",
        "SELECT FROM warehouse.partition_locks FOR UPDATE",
        "SELECT FROM warehouse.partition_locks FOR KEY SHARE",
        "BEGIN; LOCK TABLE warehouse.partition_locks IN ROW SHARE MODE",
        "BEGIN; LOCK TABLE warehouse.alembic_version IN ROW SHARE MODE",
        "SELECT lo_from_bytea(0, 'any number of gigabytes')",
        "SELECT lo_create(0)",
    ],
)
def test_the_analyst_can_do_nothing_else(analyst: psycopg.Connection, statement: str) -> None:
    """People and dashboards log in with this role, which must therefore be read-only."""
    with pytest.raises(psycopg.errors.InsufficientPrivilege):
        analyst.execute(statement)


@pytest.mark.usefixtures("migrated_template")
def test_readers_cannot_use_the_staging_schema_despite_default_privileges(
    empty_database: str,
) -> None:
    """Default privileges may give readers access to new schemas, but staged rows are internal."""
    with psycopg.connect(empty_database) as connection:
        connection.execute("ALTER DEFAULT PRIVILEGES GRANT ALL ON SCHEMAS TO PUBLIC, analyst")

    upgrade(empty_database)

    with psycopg.connect(empty_database) as connection:
        readers = connection.execute(
            "SELECT grantee::regrole::text FROM pg_namespace, aclexplode(nspacl) "
            "WHERE nspname = 'staging' AND grantee <> nspowner"
        )
        assert [] == readers.fetchall()


def test_a_migration_does_not_allow_the_analyst_to_log_in(
    empty_database: str, postgres_url_of: Callable[[str], str]
) -> None:
    """On a company's server only an administrator may decide who logs in."""
    administer(postgres_url_of, "ALTER ROLE analyst RENAME TO analyst_aside")
    try:
        upgrade(empty_database)
        with psycopg.connect(empty_database) as connection:
            query = "SELECT rolcanlogin FROM pg_roles WHERE rolname = 'analyst'"
            row = connection.execute(query).fetchone()
            connection.execute("DROP OWNED BY analyst")
    finally:
        administer(postgres_url_of, "DROP ROLE IF EXISTS analyst")
        administer(postgres_url_of, "ALTER ROLE analyst_aside RENAME TO analyst")

    assert (False,) == row


def test_an_owner_who_may_not_create_roles_gets_everything_except_the_role_analyst(
    unprivileged_owner: str, caplog: pytest.LogCaptureFixture
) -> None:
    """On a company's server only administrators create roles, so the upgrade only warns."""
    upgrade(unprivileged_owner)

    with psycopg.connect(unprivileged_owner) as connection:
        row = connection.execute("SELECT version_num FROM warehouse.alembic_version").fetchone()
    assert (HEAD,) == row
    assert "role analyst is missing" in caplog.text
    assert "r0001_analyst.sql" in caplog.text
    assert "may still create large objects" in caplog.text
    assert "r0005_large_objects.sql" in caplog.text


def test_two_databases_of_one_server_can_be_migrated(empty_database: str) -> None:
    """Roles belong to the server, so the second migration finds an existing role analyst."""
    upgrade(empty_database)

    with psycopg.connect(empty_database) as connection:
        connection.execute("SET ROLE analyst")
        assert [] == connection.execute("SELECT * FROM marts.coin_latest").fetchall()
