"""The read-only connection cannot write, starts no server, and shows how to create its log-in."""

from collections.abc import Callable, Iterator
from pathlib import Path

import psycopg
import pytest
from psycopg import sql

from cryptoassets.analysis.connection import connect, query_errors
from cryptoassets.errors import (
    AnalystLoginError,
    QueryError,
    StoreNotRunningError,
    StoreUnavailableError,
    UpstreamNotMaterializedError,
)
from cryptoassets_tests.resources.postgres_fixtures import administer

pytestmark = pytest.mark.postgres


@pytest.fixture
def reader(analyst_url: str) -> Iterator[psycopg.Connection]:
    """A connection of the role `analyst` to an empty, fully migrated database."""
    with connect() as connection:
        yield connection


def test_a_reader_reads_in_utc_and_finds_tables_without_their_schema(
    reader: psycopg.Connection,
) -> None:
    """Times look the same in every query, and users can type short table names."""
    row = reader.execute(
        "SELECT current_user, current_setting('TimeZone'), (SELECT count(*) FROM coin_latest)"
    ).fetchone()

    assert ("analyst", "UTC", 0) == row


def test_a_reader_stops_waiting_before_it_blocks_a_migration(reader: psycopg.Connection) -> None:
    """A reader that waits for a lock blocks every later writer of the table."""
    names = ("lock_timeout", "statement_timeout", "idle_in_transaction_session_timeout")

    limits = [
        reader.execute(sql.SQL("SHOW {}").format(sql.Identifier(n))).fetchone() for n in names
    ]

    assert [("5s",), ("10min",), ("1min",)] == limits


@pytest.mark.parametrize(
    "statement",
    [
        "SET default_transaction_read_only = off; UPDATE warehouse.coins SET rank = 1",
        "BEGIN READ WRITE; DELETE FROM marts.coin_daily",
        "COPY (SELECT 1) TO PROGRAM 'cat'",
        "SET default_transaction_read_only = off; CREATE TEMPORARY TABLE mine ()",
        "CREATE TABLE mine ()",
        "SELECT pg_read_file('/etc/passwd')",
        "SET ROLE admin",
    ],
)
def test_a_reader_cannot_write_even_after_leaving_read_only_mode(
    reader: psycopg.Connection, statement: str
) -> None:
    """The SQL prompt accepts any statement, so the role itself must not be allowed to write."""
    with pytest.raises(QueryError, match=r"permission denied|must be|read-only"), query_errors():
        reader.execute(statement)


@pytest.mark.usefixtures("database")
def test_if_the_server_is_stopped_the_error_names_the_command_that_starts_it(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Reading in a notebook must not start servers."""
    monkeypatch.setenv("CRYPTOASSETS_HOME", str(tmp_path))

    with pytest.raises(StoreNotRunningError, match=r"PostgreSQL is not running.*cryptoassets up"):
        connect()

    assert [] == list(tmp_path.iterdir())


def test_without_a_log_in_the_error_contains_the_sql_that_creates_it(
    database: str, monkeypatch: pytest.MonkeyPatch, postgres_url_of: Callable[[str], str]
) -> None:
    """The owner's log-in is not used instead: a superuser could run programs on the server."""
    monkeypatch.setenv("POSTGRES_URL", database)
    with pytest.raises(AnalystLoginError, match="ANALYST_URL is not set") as caught:
        connect()
    statements = str(caught.value).partition(":\n")[2].replace("analyst", "made_by_test")

    try:
        with psycopg.connect(database, autocommit=True) as owner:
            owner.execute(statements)
        url = psycopg.conninfo.make_conninfo(
            database, user="made_by_test", password="choose a password"
        )
        with psycopg.connect(url) as reader:
            assert [] == reader.execute("SELECT * FROM marts.coin_daily").fetchall()
    finally:
        with psycopg.connect(database, autocommit=True) as owner:
            owner.execute("DROP OWNED BY made_by_test")
        administer(postgres_url_of, "DROP ROLE made_by_test")


def test_a_role_that_can_write_is_refused(database: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A separate log-in is useless if it can write."""
    monkeypatch.setenv("ANALYST_URL", database)

    with pytest.raises(AnalystLoginError, match=r"role `admin` of ANALYST_URL.*cannot write"):
        connect()


def test_a_refused_log_in_is_reported_without_the_password(
    analyst_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Messages end up in logs."""
    password = psycopg.conninfo.conninfo_to_dict(analyst_url)["password"]
    monkeypatch.setenv("ANALYST_URL", analyst_url.replace(str(password), "planted"))

    with pytest.raises(AnalystLoginError, match=r"authentication failed.*ANALYST_URL") as caught:
        connect()

    assert "planted" not in str(caught.value)


def test_if_the_server_does_not_answer_the_error_suggests_a_retry(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The server may be restarting. A missing log-in is a different error: a retry cannot help."""
    monkeypatch.setenv("ANALYST_URL", "postgresql://analyst:planted@127.0.0.1:1/bigdata_db")

    with pytest.raises(StoreUnavailableError, match="A retry can help") as caught:
        connect()

    assert "planted" not in str(caught.value)


def test_if_there_are_no_tables_the_error_names_the_command_that_creates_them(
    analyst_url: str, empty_database: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """After `cryptoassets up` the server is running, but there are no tables yet."""
    name = psycopg.conninfo.conninfo_to_dict(empty_database)["dbname"]
    monkeypatch.setenv("ANALYST_URL", analyst_url.rpartition("/")[0] + f"/{name}")

    with pytest.raises(UpstreamNotMaterializedError, match="cryptoassets run"):
        connect()
