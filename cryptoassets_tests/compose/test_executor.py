"""The role of Spark's tasks in compose, without Docker: its log-in and its rights.

What goes here: the job that creates the role, the worker's script. What stays out: MongoDB's roles,
which the servers in these tests ignore.
"""

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import psycopg
import pytest
from psycopg import conninfo

from cryptoassets import libpq, migrations
from cryptoassets.settings import project_root

DOCKER = project_root() / "docker"


LogIn = Callable[[str, str], str]
"""From an administrator's URL and a password to the URL that a worker reads."""


@pytest.fixture
def log_in() -> Iterator[LogIn]:
    """Create the role as compose does at each start; it is dropped after the test."""
    databases = set()

    def make(admin_url: str, password: str) -> str:
        databases.add(admin_url)
        environment = {"POSTGRES_URL": admin_url, "POSTGRES_EXECUTOR_PASSWORD": password}
        command = [sys.executable, DOCKER / "postgres/executor.py"]
        subprocess.run(command, env=environment, check=True, capture_output=True)
        parameters = conninfo.conninfo_to_dict(admin_url)
        return conninfo.make_conninfo(**parameters | {"user": "executor", "password": password})

    yield make
    [admin_url] = databases
    with psycopg.connect(admin_url) as connection:
        connection.execute("DROP OWNED BY executor; DROP ROLE executor")


@pytest.mark.postgres
def test_the_role_is_created_on_existing_volumes_and_its_password_is_updated(
    database: str, log_in: LogIn
) -> None:
    """PostgreSQL's init folder only runs on an empty volume; a user may change .env later."""
    first = log_in(database, "first")
    second = log_in(database, "second")

    with psycopg.connect(second) as connection:
        assert ("executor",) == connection.execute("SELECT current_user").fetchone()
    with pytest.raises(psycopg.OperationalError):
        psycopg.connect(first)


@pytest.mark.postgres
def test_on_an_empty_volume_the_migrations_let_the_role_use_the_schema(
    empty_database: str, log_in: LogIn
) -> None:
    """The job runs before the schema exists."""
    log_in(empty_database, "executor")

    migrations.upgrade(empty_database)

    with psycopg.connect(empty_database) as connection:
        row = connection.execute("SELECT has_schema_privilege('executor', 'staging', 'USAGE')")
        assert (True,) == row.fetchone()


@pytest.mark.postgres
def test_a_task_copies_into_the_table_of_its_publication(database: str, log_in: LogIn) -> None:
    """The driver only grants INSERT on this table."""
    url = log_in(database, "executor")
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
def test_a_task_can_do_nothing_else(database: str, log_in: LogIn, statement: str) -> None:
    """Workers on many machines are the easiest to attack."""
    url = log_in(database, "executor")
    with psycopg.connect(database, autocommit=True) as driver:
        driver.execute("CREATE UNLOGGED TABLE staging.of_another_run (number int)")

        with (
            psycopg.connect(url) as task,
            pytest.raises(psycopg.errors.InsufficientPrivilege),
        ):
            task.execute(statement)


def test_the_workers_java_has_files_instead_of_urls(tmp_path: Path) -> None:
    """Executors inherit its environment, and Spark's pages show it."""
    java = tmp_path / "bin/spark-class"
    java.parent.mkdir()
    java.write_text('#!/bin/sh\nenv\necho "arguments: $*"\n')
    java.chmod(0o755)
    files = {
        "MONGO_URL_FILE": str(tmp_path / "mongo"),
        "POSTGRES_URL_FILE": str(tmp_path / "postgres"),
    }
    urls = {
        "EXECUTOR_MONGO_URL": "mongodb://planted",
        "EXECUTOR_POSTGRES_URL": "postgres://planted",
    }

    started = subprocess.run(
        ["/bin/sh", DOCKER / "spark/worker.sh", "spark://master:7077"],
        env={"PATH": os.environ["PATH"], "SPARK_HOME": str(tmp_path), **files, **urls},
        umask=0o022,
        capture_output=True,
        text=True,
        check=True,
    ).stdout

    written = [Path(path) for path in files.values()]
    assert [f"{url}\n" for url in urls.values()] == [path.read_text() for path in written]
    assert {0o600} == {path.stat().st_mode & 0o777 for path in written}
    assert "planted" not in started
    assert {f"{name}={path}" for name, path in files.items()} <= set(started.splitlines())
    assert "arguments: org.apache.spark.deploy.worker.Worker spark://master:7077\n" in started
