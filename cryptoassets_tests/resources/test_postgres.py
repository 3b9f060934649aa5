"""Promises of the connections: at head, in UTC, bounded, and silent about the password."""

import socket
import traceback
from concurrent.futures import ThreadPoolExecutor
from datetime import date
from threading import Barrier

import psycopg
import pytest

from cryptoassets.errors import SettingsError, StoreUnavailableError
from cryptoassets.migrations import HEAD
from cryptoassets.resources.postgres import PostgresResource, address_of, ensure_months

pytestmark = pytest.mark.postgres

MONTHS = """
    SELECT inhrelid::regclass::text, pg_get_expr(relpartbound, oid)
    FROM pg_inherits JOIN pg_class ON oid = inhrelid
    WHERE inhparent = 'warehouse.coin_prices'::regclass ORDER BY 1
"""

PRICE = """
    INSERT INTO warehouse.coin_prices
        (coin_id, observed_at, price_usd, rank, source, fetched_at, raw_id)
    VALUES ('bitcoin', %s, 1, 1, 'simulator', now(), 'raw') RETURNING tableoid::regclass::text
"""


def test_a_first_connection_finds_the_schema_at_head(
    empty_database: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nobody has to remember a step by hand, in compose either."""
    monkeypatch.setenv("POSTGRES_URL", empty_database)

    with PostgresResource().connect() as connection:
        query = "SELECT version_num FROM warehouse.alembic_version"
        assert (HEAD,) == connection.execute(query).fetchone()


def test_a_connection_is_in_utc_and_waits_for_nothing_for_ever(postgres: PostgresResource) -> None:
    """A run that hangs on a lock holds its Airflow slot until someone looks."""
    names = ("TimeZone", "application_name", "statement_timeout", "lock_timeout")

    with postgres.connect() as connection:
        settings = [
            row[0] for name in names for row in connection.execute(f"SHOW {name}").fetchall()
        ]

    assert ["UTC", "cryptoassets", "15min", "2min"] == settings


def test_what_the_url_sets_wins_over_our_defaults(
    database: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A site may need longer statements, or its own name in pg_stat_activity."""
    options = "?application_name=theirs&options=-c%20statement_timeout%3D7min"
    monkeypatch.setenv("POSTGRES_URL", database + options)

    with PostgresResource().connect() as connection:
        assert ("theirs",) == connection.execute("SHOW application_name").fetchone()
        assert ("7min",) == connection.execute("SHOW statement_timeout").fetchone()
        assert ("2min",) == connection.execute("SHOW lock_timeout").fetchone()


def test_the_address_names_server_and_database_only(postgres: PostgresResource) -> None:
    """It goes into metadata and messages."""
    with postgres.connect() as connection:
        server = f"127.0.0.1:{connection.info.port}/{connection.info.dbname}"

        assert f"postgresql://{server}" == postgres.address == address_of(connection)


def test_dagster_has_nothing_of_the_url_to_show(postgres: PostgresResource) -> None:
    """The UI shows a resource's config to everybody."""
    assert {} == PostgresResource.to_config_schema().as_field().config_type.fields
    assert "postgresql://" not in repr(postgres)


def test_a_refused_password_names_the_setting_and_not_the_password(
    database: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Wrong stays wrong: a retry would only lock the account."""
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
    """Drivers quote what they cannot read: bits of a password ended in the log as host names."""
    monkeypatch.setenv("POSTGRES_URL", url)

    with pytest.raises(SettingsError, match="POSTGRES_URL cannot be read") as e:
        PostgresResource().connect()

    assert "cret" not in "".join(traceback.format_exception(e.value))


def test_a_server_that_is_away_is_named_and_a_retry_offered(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A restart of the server takes seconds; the run shall outlive it."""
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{unused.getsockname()[1]}/bigdata_db"
        monkeypatch.setenv("POSTGRES_URL", f"postgresql://admin:planted-secret@{address}")

        with pytest.raises(StoreUnavailableError, match=r"retry can help.*cryptoassets up") as e:
            PostgresResource().connect()

    assert address in str(e.value)
    assert "planted-secret" not in "".join(traceback.format_exception(e.value))


def test_months_are_made_once_with_bounds_in_utc(postgres: PostgresResource) -> None:
    """Any day names its month; asking again is no error; December ends in the next year."""
    with postgres.connect() as connection:
        connection.execute("SET TimeZone = 'Asia/Tokyo'")

        ensure_months(connection, [date(2026, 12, 31), date(2026, 12, 1)])
        ensure_months(connection, [date(2026, 12, 5)])

        connection.execute("SET TimeZone = 'UTC'")
        bounds = "FOR VALUES FROM ('2026-12-01 00:00:00+00') TO ('2027-01-01 00:00:00+00')"
        months = connection.execute(MONTHS).fetchall()
    assert [("warehouse.coin_prices_2026_12", bounds)] == months


def test_rows_land_in_the_month_of_their_utc_time(postgres: PostgresResource) -> None:
    """The first instant of a month is the next partition's, the one before it is not."""
    with postgres.connect() as connection:
        ensure_months(connection, [date(2026, 10, 1), date(2026, 11, 1)])

        before = connection.execute(PRICE, ["2026-10-31T23:59:59.999999Z"]).fetchone()
        first = connection.execute(PRICE, ["2026-11-01T00:00:00Z"]).fetchone()

    assert ("warehouse.coin_prices_2026_10",) == before
    assert ("warehouse.coin_prices_2026_11",) == first


def test_a_month_holds_keys_like_its_parent(postgres: PostgresResource) -> None:
    """A partition attached without its key would let rows double."""
    with postgres.connect() as connection:
        ensure_months(connection, [date(2026, 11, 1)])
        connection.execute(PRICE, ["2026-11-01T00:00:00Z"])

        with pytest.raises(psycopg.errors.UniqueViolation):
            connection.execute(PRICE, ["2026-11-01T00:00:00Z"])


def test_months_roll_back_with_the_callers_transaction(postgres: PostgresResource) -> None:
    """A publication is all or nothing, its partition included."""
    with postgres.connect() as connection:
        connection.execute("DELETE FROM warehouse.coin_prices")
        ensure_months(connection, [date(2026, 11, 1)])
        connection.rollback()

        assert [] == connection.execute(MONTHS).fetchall()


@pytest.mark.parametrize("autocommit", [True, False])
def test_two_processes_can_make_the_same_months_at_once(
    postgres: PostgresResource,
    autocommit: bool,  # noqa: FBT001 - a parameter of the test
) -> None:
    """Two runs publish the first hour of a month together."""
    start = Barrier(4)

    def make_months(_: int) -> None:
        with postgres.connect(autocommit=autocommit) as connection:
            start.wait(timeout=30)
            ensure_months(connection, [date(2026, 12, 1), date(2026, 11, 1)])

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(make_months, range(4)))

    with postgres.connect() as connection:
        assert 2 == len(connection.execute(MONTHS).fetchall())


def test_making_a_month_waits_for_no_reader_and_locks_none_out(postgres: PostgresResource) -> None:
    """At the turn of a month a long query of an analyst must not hold up the hour."""
    with postgres.connect() as reader, postgres.connect() as writer:
        reader.execute("SELECT * FROM warehouse.coin_prices")
        writer.execute("SET lock_timeout = '1s'")

        ensure_months(writer, [date(2026, 11, 1)])

        reader.execute("SET lock_timeout = '1s'")
        assert [] == reader.execute("SELECT * FROM marts.coin_latest").fetchall()
