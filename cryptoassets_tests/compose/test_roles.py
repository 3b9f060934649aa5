"""PostgreSQL's roles in compose, without Docker: their log-ins and their rights.

What goes here: the job that creates the roles. What stays out: MongoDB's roles, which the servers
in these tests ignore.
"""

from collections.abc import Callable, Iterator
from types import ModuleType

import psycopg
import pytest
from psycopg import conninfo, sql

from cryptoassets import libpq, migrations
from cryptoassets.migrations.runner import run_revisions
from cryptoassets_tests.compose.scripts import import_script

LogIn = Callable[[str, str, str], str]
"""Takes an administrator's URL, a role and its password; returns the URL that the role uses."""


@pytest.fixture
def roles() -> ModuleType:
    """The script that creates the roles."""
    return import_script("postgres/roles.py")


@pytest.fixture
def log_in(roles: ModuleType) -> Iterator[LogIn]:
    """Set up the roles as compose does at each start; they are dropped after the test."""
    databases = set()

    def make(admin_url: str, role: str, password: str) -> str:
        databases.add(admin_url)
        others = {roles.ROLE, roles.TASKS} - {role}
        for name in (role, *others):
            roles.create(admin_url, name, password)
        roles.set_up_product(admin_url)
        parameters = conninfo.conninfo_to_dict(admin_url)
        return conninfo.make_conninfo(**parameters | {"user": role, "password": password})

    yield make
    [admin_url] = databases
    with psycopg.connect(admin_url) as connection:
        for name in (roles.ROLE, roles.TASKS):
            role = sql.Identifier(name)
            connection.execute(sql.SQL("REASSIGN OWNED BY {} TO CURRENT_USER").format(role))
            connection.execute(sql.SQL("DROP OWNED BY {}").format(role))
            connection.execute(sql.SQL("DROP ROLE {}").format(role))


@pytest.mark.postgres
def test_the_role_is_created_on_existing_volumes_and_its_password_is_updated(
    database: str, log_in: LogIn
) -> None:
    """PostgreSQL runs its init scripts only on an empty volume; a user may change .env later."""
    first = log_in(database, "executor", "first")
    second = log_in(database, "executor", "second")

    with psycopg.connect(second) as connection:
        assert ("executor",) == connection.execute("SELECT current_user").fetchone()
    with pytest.raises(psycopg.OperationalError):
        psycopg.connect(first)


@pytest.mark.postgres
def test_on_an_empty_volume_the_platforms_role_owns_everything(
    empty_database: str, log_in: LogIn
) -> None:
    """The role is not a superuser, and needs no rights other than an owner's."""
    url = log_in(empty_database, "cryptoassets", "own")

    with psycopg.connect(url) as connection:
        assert {"cryptoassets"} == owners(connection)
        rights = "SELECT rolsuper OR rolcreaterole OR rolcreatedb FROM pg_roles WHERE rolname = %s"
        assert (False,) == connection.execute(rights, ["cryptoassets"]).fetchone()
        usage = "SELECT has_schema_privilege('executor', 'staging', 'USAGE')"
        assert (True,) == connection.execute(usage).fetchone()


@pytest.mark.postgres
def test_the_tables_of_an_older_version_get_the_platforms_role_as_owner(
    empty_database: str, log_in: LogIn, roles: ModuleType
) -> None:
    """Older versions logged in as `admin`. A view that a user has added keeps its owner."""
    run_revisions(empty_database, "0003")
    with psycopg.connect(empty_database) as connection:
        admin = connection.info.user
        connection.execute("CREATE TABLE public.notes (coin_id text)")
        connection.execute("CREATE VIEW marts.my_notes AS SELECT * FROM public.notes")

    url = log_in(empty_database, "cryptoassets", "own")
    migrations.upgrade(url)

    with psycopg.connect(url) as connection:
        assert {"cryptoassets", admin} == owners(connection)
        mine = "SELECT relowner::regrole::text FROM pg_class WHERE relname = 'my_notes'"
        assert (admin,) == connection.execute(mine).fetchone()
        connection.execute(
            "CREATE TABLE warehouse.coin_prices_2026_11 PARTITION OF warehouse.coin_prices "
            "FOR VALUES FROM ('2026-11-01') TO ('2026-12-01')"
        )
        readable = (
            "SELECT bool_and(has_table_privilege('analyst', oid, 'SELECT')) FROM pg_class WHERE "
            "relkind IN ('r', 'p', 'v') "
            "AND relnamespace IN ('warehouse'::regnamespace, 'marts'::regnamespace)"
        )
        assert (True,) == connection.execute(readable).fetchone()
    roles.set_up_product(empty_database)


def owners(connection: psycopg.Connection) -> set[str]:
    """Return who owns the platform's schemas, their relations and functions, and the database."""
    query = """
        WITH ours (oid) AS (SELECT unnest(%s::regnamespace[]))
        SELECT nspowner::regrole::text FROM pg_namespace JOIN ours USING (oid)
        UNION SELECT relowner::regrole::text FROM pg_class JOIN ours ON ours.oid = relnamespace
        UNION SELECT proowner::regrole::text FROM pg_proc JOIN ours ON ours.oid = pronamespace
        UNION SELECT datdba::regrole::text FROM pg_database WHERE datname = current_database()
    """
    schemas = "{warehouse,marts,staging}"
    return {str(owner) for (owner,) in connection.execute(query, [schemas])}


@pytest.mark.postgres
def test_a_spark_task_can_copy_into_its_runs_staging_table(database: str, log_in: LogIn) -> None:
    """The driver grants the task's role only INSERT on this table."""
    url = log_in(database, "executor", "executor")
    with psycopg.connect(database, autocommit=True) as driver:
        driver.execute("CREATE UNLOGGED TABLE staging.of_a_run (coin_id text)")
        driver.execute("GRANT INSERT ON staging.of_a_run TO executor")

        with (
            libpq.connect(url) as task,
            task.cursor().copy("COPY staging.of_a_run FROM STDIN (FORMAT csv)") as copy,
        ):
            copy.write(b"bitcoin\n")

        assert [("bitcoin",)] == driver.execute("TABLE staging.of_a_run").fetchall()


@pytest.mark.postgres
@pytest.mark.parametrize(
    "statement",
    [
        "TABLE staging.of_another_run",
        "INSERT INTO staging.of_another_run VALUES (1)",
        "DROP TABLE staging.of_another_run",
        "CREATE TABLE staging.mine ()",
        "TABLE warehouse.coin_prices",
        "INSERT INTO warehouse.partition_locks VALUES ('mine', '')",
        "TABLE marts.coin_daily",
        "CREATE TABLE public.mine ()",
    ],
)
def test_a_spark_task_can_do_nothing_else(database: str, log_in: LogIn, statement: str) -> None:
    """Workers run on many machines, so they are the easiest to attack."""
    url = log_in(database, "executor", "executor")
    with psycopg.connect(database, autocommit=True) as driver:
        driver.execute("CREATE UNLOGGED TABLE staging.of_another_run (number int)")

        with (
            psycopg.connect(url) as task,
            pytest.raises(psycopg.errors.InsufficientPrivilege),
        ):
            task.execute(statement)
