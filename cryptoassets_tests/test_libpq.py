"""For every connection, the URL alone defines the server, and value formats are fixed."""

import os
import signal
import subprocess
import sys
import threading
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path

import psycopg
import pytest
import sqlalchemy as sa
from psycopg import sql

from cryptoassets import libpq
from cryptoassets.embedded import databases
from cryptoassets.errors import SettingsError, StoreError
from cryptoassets.migrations import upgrade
from cryptoassets.resources.postgres import PostgresResource
from cryptoassets_tests.resources.postgres_fixtures import administer

pytestmark = pytest.mark.postgres
UrlOf = Callable[[str], str]

_SLOW_COMMIT = """
    CREATE TABLE public.slow (id int);
    CREATE FUNCTION public.wait() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN PERFORM pg_sleep(20); RETURN NULL; END $$;
    CREATE CONSTRAINT TRIGGER wait AFTER INSERT ON public.slow DEFERRABLE INITIALLY DEFERRED
    FOR EACH ROW EXECUTE FUNCTION public.wait()
"""

VARIABLES = {
    "PGAPPNAME": "theirs",
    "PGCHANNELBINDING": "require",
    "PGCLIENTENCODING": "LATIN1",
    "PGDATABASE": "prod",
    "PGDATESTYLE": "German",
    "PGGEQO": "off",
    "PGGSSENCMODE": "require",
    "PGHOST": "db.invalid",
    "PGHOSTADDR": "192.0.2.1",
    "PGOPTIONS": "-c search_path=theirs -c TimeZone=Asia/Tokyo",
    "PGPASSFILE": "/etc/hostname",
    "PGPASSWORD": "theirs",
    "PGPORT": "1",
    "PGREQUIREAUTH": "none",
    "PGSERVICE": "prod",
    "PGSERVICEFILE": "/nonexistent/services",
    "PGSSLMODE": "verify-full",
    "PGSSLROOTCERT": "/nonexistent/root.crt",
    "PGSYSCONFDIR": "/nonexistent",
    "PGTARGETSESSIONATTRS": "standby",
    "PGTZ": "Asia/Tokyo",
    "PGUSER": "theirs",
}
"""Shell variables of a user who also works with other servers."""

ODD_SETTINGS = {
    "DateStyle": "'German'",
    "IntervalStyle": "'sql_standard'",
    "TimeZone": "'Asia/Tokyo'",
    "search_path": "theirs, pg_catalog",
    "bytea_output": "'escape'",
    "extra_float_digits": "-15",
    "array_nulls": "off",
    "transform_null_equals": "on",
    "default_transaction_isolation": "'serializable'",
    "client_encoding": "'LATIN1'",
}
"""Settings for ALTER DATABASE that change the meaning of a statement or the form of values."""

VALUES = """
    SELECT 'Doge 🐕', lower('A'), timestamptz '2026-11-23 04:00Z'::text, date '2026-02-01'::text,
        interval '1 day 2 hours'::text, '\\xff'::bytea::text, (1.0::float8 / 3)::text,
        '{NULL}'::text[] IS NOT DISTINCT FROM ARRAY[NULL::text], (NULL = NULL) IS NULL,
        current_setting('search_path'), current_setting('transaction_isolation')
"""
EXPECTED = (
    "Doge 🐕",
    "a",
    "2026-11-23 04:00:00+00",
    "2026-02-01",
    "1 day 02:00:00",
    "\\xff",
    "0.3333333333333333",
    True,
    True,
    "pg_catalog",
    "read committed",
)


@pytest.fixture
def odd_database(database: str) -> str:
    """A URL with unusual options, for a fully migrated database with unusual settings."""
    with psycopg.connect(database, autocommit=True) as connection:
        connection.execute("CREATE SCHEMA theirs")
        connection.execute(
            "CREATE FUNCTION theirs.lower(text) RETURNS text LANGUAGE sql RETURN 'theirs'"
        )
        for name, value in ODD_SETTINGS.items():
            statement = f"ALTER DATABASE {{}} SET {name} = {value}"
            name_of_database = sql.Identifier(connection.info.dbname)
            connection.execute(sql.SQL(statement).format(name_of_database))
    return f"{database}?options=-c%20DateStyle%3DSQL%20-c%20TimeZone%3DAsia/Kolkata"


@pytest.fixture
def make_database(postgres_url_of: UrlOf) -> Iterator[Callable[[str], str]]:
    """A function that creates an empty database with a given encoding and returns its URL."""
    made: list[str] = []

    def make(encoding: str) -> str:
        made.append(f"odd_{uuid.uuid4().hex[:8]}")
        statement = f"CREATE DATABASE {{}} TEMPLATE template0 ENCODING '{encoding}' LOCALE 'C'"
        administer(postgres_url_of, statement, made[-1])
        return postgres_url_of("postgres").replace("/postgres", f"/{made[-1]}")

    yield make
    for name in made:
        administer(postgres_url_of, "DROP DATABASE {} WITH (FORCE)", name)


def test_neither_database_nor_url_nor_variables_change_a_value(
    odd_database: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With a German date style or another encoding, wrong values were once stored unnoticed."""
    for name, value in VARIABLES.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("POSTGRES_URL", odd_database)

    with PostgresResource().connect() as connection:
        values = connection.execute(VALUES).fetchone()
        name = connection.info.parameter_status("application_name")

    assert EXPECTED == values
    assert "cryptoassets" == name


def test_dagsters_own_connections_use_the_same_formats(
    odd_database: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Dagster stores times in the session's time zone and reads them as UTC."""
    for name, value in VARIABLES.items():
        monkeypatch.setenv(name, value)
    engine = sa.create_engine(libpq.dagster_url(odd_database), poolclass=sa.NullPool)

    with engine.connect() as connection:
        values = connection.exec_driver_sql(VALUES).one()

    assert (*EXPECTED[:-2], "public", "read committed") == tuple(values)


def test_no_password_file_is_read(
    database: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Otherwise a password for another server could be sent, or could make a wrong URL work."""
    parameters = psycopg.conninfo.conninfo_to_dict(database)
    (tmp_path / ".pgpass").write_text(f"*:*:*:*:{parameters['password']}\n")
    (tmp_path / ".pgpass").chmod(0o600)
    monkeypatch.setenv("HOME", str(tmp_path))
    without = database.replace(f":{parameters['password']}@", "@")

    with pytest.raises(psycopg.OperationalError, match="no password supplied"):
        libpq.connect(without)
    with libpq.connect(f"{without}?passfile={tmp_path}/.pgpass") as connection:
        assert (1,) == connection.execute("SELECT 1").fetchone()


@pytest.mark.parametrize("encoding", ["LATIN1", "SQL_ASCII"])
def test_a_database_that_is_not_utf8_is_refused_before_anything_is_written(
    encoding: str, make_database: Callable[[str], str]
) -> None:
    """In such a database, `Doge 🐕` was once stored wrongly, but ten checks and `audit` passed."""
    url = make_database(encoding)
    words = rf"has the encoding {encoding}, .* UTF8\. Nothing was written and a retry will not help"

    for write in (upgrade, lambda url: databases.create_if_missing(url, "never_made")):
        with pytest.raises(SettingsError, match=words):
            write(url)

    with psycopg.connect(url) as connection:
        query = (
            "SELECT to_regnamespace('warehouse'), "
            "(SELECT count(*) FROM pg_database WHERE datname = 'never_made')"
        )
        assert (None, 0) == connection.execute(query).fetchone()


def test_a_database_for_dagster_that_is_not_utf8_is_refused(
    database: str, make_database: Callable[[str], str]
) -> None:
    """Dagster stores names and messages in its database."""
    theirs = psycopg.conninfo.conninfo_to_dict(make_database("LATIN1"))["dbname"]

    with pytest.raises(SettingsError, match=f"database '{theirs}' has the encoding LATIN1"):
        databases.create_if_missing(database, theirs)


def test_a_read_only_database_is_reported_in_one_sentence(
    database: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Otherwise the error would only occur in the middle of a run, after a paid call."""
    monkeypatch.setenv("POSTGRES_URL", database)
    with psycopg.connect(database, autocommit=True) as connection:
        name = sql.Identifier(connection.info.dbname)
        statement = "ALTER DATABASE {} SET default_transaction_read_only = on"
        connection.execute(sql.SQL(statement).format(name))

    with pytest.raises(
        StoreError, match=r"is read-only .* a retry will not help; turn off default_tr"
    ):
        PostgresResource().connect()

    # Options in the URL override the database's setting.
    url = f"{database}?options=-c%20default_transaction_read_only%3Doff"
    with libpq.connect(url) as connection:
        connection.execute("CREATE TABLE public.written ()")


def test_every_command_reaches_the_stores_whatever_postgresql_variables_the_shell_has(
    database: str, tmp_path: Path
) -> None:
    """PGSSLMODE=require and PGSERVICE each used to cause 200 lines with three tracebacks."""
    code = (
        "from cryptoassets.embedded import dagster_instance\n"
        "from cryptoassets.resources.postgres import PostgresResource\n"
        "with dagster_instance() as instance:\n"
        "    print(instance.get_runs_count())\n"
        "with PostgresResource().connect() as connection:\n"
        "    print(connection.info.dbname)\n"
    )

    finished = subprocess.run(
        [sys.executable, "-c", code],
        env=os.environ | VARIABLES | {"POSTGRES_URL": database},
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )

    name = psycopg.conninfo.conninfo_to_dict(database)["dbname"]
    assert 0 == finished.returncode, finished.stderr
    runs, connected_to = finished.stdout.split()
    assert runs.isdecimal()
    assert name == connected_to


def test_ctrl_c_during_a_commit_closes_the_connection(database: str) -> None:
    """Psycopg leaves it open, and with it the server's session."""
    with libpq.connect(database) as connection:
        connection.execute(_SLOW_COMMIT)
    connection = libpq.connect(database)

    def commit() -> None:
        with connection:
            connection.execute("INSERT INTO public.slow VALUES (1)")
            threading.Timer(0.5, os.kill, [os.getpid(), signal.SIGINT]).start()

    with pytest.raises(KeyboardInterrupt):
        commit()

    assert connection.closed
