"""Connections have the current schema, UTC and time limits; messages contain no password."""

import socket
import traceback

import psycopg
import pytest

from cryptoassets.errors import SettingsError, StoreUnavailableError
from cryptoassets.migrations import HEAD
from cryptoassets.resources.postgres import PostgresResource, address_of

pytestmark = pytest.mark.postgres


def test_the_first_connection_migrates_the_schema(
    empty_database: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Users never migrate manually, not even with Docker Compose."""
    monkeypatch.setenv("POSTGRES_URL", empty_database)

    with PostgresResource().connect() as connection:
        query = "SELECT version_num FROM warehouse.alembic_version"
        assert (HEAD,) == connection.execute(query).fetchone()


def test_a_connection_is_in_utc_and_has_time_limits(postgres: PostgresResource) -> None:
    """Without limits, a run that waits for a lock could occupy its Airflow slot forever."""
    names = ("TimeZone", "application_name", "statement_timeout", "lock_timeout")

    with postgres.connect() as connection:
        settings = [
            row[0] for name in names for row in connection.execute(f"SHOW {name}").fetchall()
        ]

    assert ["UTC", "cryptoassets", "15min", "2min"] == settings


def test_options_in_the_url_override_our_defaults(
    database: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A site may need longer time limits, or its own name in pg_stat_activity."""
    options = "?application_name=theirs&options=-c%20statement_timeout%3D7min"
    monkeypatch.setenv("POSTGRES_URL", database + options)

    with PostgresResource().connect() as connection:
        assert ("theirs",) == connection.execute("SHOW application_name").fetchone()
        assert ("7min",) == connection.execute("SHOW statement_timeout").fetchone()
        assert ("2min",) == connection.execute("SHOW lock_timeout").fetchone()


def test_the_address_names_server_and_database_only(postgres: PostgresResource) -> None:
    """The address is shown in metadata and messages."""
    with postgres.connect() as connection:
        server = f"127.0.0.1:{connection.info.port}/{connection.info.dbname}"

        assert f"postgresql://{server}" == postgres.address == address_of(connection)


def test_dagster_cannot_show_the_url(postgres: PostgresResource) -> None:
    """Dagster's UI shows a resource's config to everybody, and the URL contains a password."""
    assert {} == PostgresResource.to_config_schema().as_field().config_type.fields
    assert "postgresql://" not in repr(postgres)


def test_the_error_for_a_refused_password_names_the_setting_and_not_the_password(
    database: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The message advises against a retry, which could lock the account."""
    parameters = psycopg.conninfo.conninfo_to_dict(database)
    url = f"postgresql://admin:planted-secret@127.0.0.1:{parameters['port']}/bigdata_db"
    monkeypatch.setenv("POSTGRES_URL", url)

    with pytest.raises(SettingsError, match=r"bigdata_db.*retry will not help.*POSTGRES_URL") as e:
        PostgresResource().connect()

    assert "planted-secret" not in "".join(traceback.format_exception(e.value))


@pytest.mark.parametrize(
    "url",
    [
        "postgresql://admin:secret%zz@localhost/bigdata_db",
        "postgresql://admin:se/cret@localhost/bigdata_db",
        "postgresql://admin:1/secret@localhost/bigdata_db",
        "postgresql://admin:se@cret@localhost/bigdata_db",
        "mysql://admin:secret@localhost/bigdata_db",
        "secret",
    ],
)
def test_a_url_that_cannot_be_read_is_refused_without_being_quoted(
    url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Drivers quote unreadable URLs: parts of a password once appeared in the log as host names."""
    monkeypatch.setenv("POSTGRES_URL", url)

    with pytest.raises(SettingsError, match="POSTGRES_URL cannot be read") as e:
        PostgresResource().connect()

    assert "cret" not in "".join(traceback.format_exception(e.value))


@pytest.mark.parametrize("option", ["hots=/tmp", "secret@host/base"])
def test_an_unknown_option_of_the_url_is_refused_without_being_quoted(
    option: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What looks like an option may be the end of a password that contains a question mark."""
    monkeypatch.setenv("POSTGRES_URL", f"postgresql://admin:1/x?{option}")

    with pytest.raises(SettingsError, match=r"option .* that libpq does not know") as e:
        PostgresResource().connect()

    assert option not in "".join(traceback.format_exception(e.value))


def test_an_unreachable_server_is_named_and_a_retry_suggested(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A restart of the server takes only seconds, so a run should survive it."""
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{unused.getsockname()[1]}/bigdata_db"
        monkeypatch.setenv("POSTGRES_URL", f"postgresql://admin:planted-secret@{address}")

        with pytest.raises(StoreUnavailableError, match=r"retry can help.*cryptoassets up") as e:
            PostgresResource().connect()

    assert address in str(e.value)
    assert "planted-secret" not in "".join(traceback.format_exception(e.value))
