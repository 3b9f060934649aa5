"""`typed_errors` raises the right class, with the remedy and whether a retry can help."""

import psycopg
import pytest

from cryptoassets.errors import (
    ContractViolationError,
    SettingsError,
    StoreError,
    StoreUnavailableError,
)
from cryptoassets.resources.postgres import PostgresResource, address_of
from cryptoassets.stores.postgres_errors import typed_errors


@pytest.mark.parametrize(
    ("sqlstate", "expected", "remedy"),
    [
        ("40001", StoreUnavailableError, "server is running"),
        ("40P01", StoreUnavailableError, "server is running"),
        ("53100", StoreUnavailableError, "free disk space"),
        ("53300", StoreUnavailableError, "max_connections"),
        ("55P03", StoreUnavailableError, "another transaction"),
        ("57014", StoreUnavailableError, "less busy"),
        ("57P01", StoreUnavailableError, "server is running"),
        ("25P03", StoreUnavailableError, "server is running"),
        ("28P01", SettingsError, "POSTGRES_URL"),
        ("3D000", SettingsError, "POSTGRES_URL"),
        ("23505", ContractViolationError, "constraint"),
        ("42501", StoreError, "grant the missing right"),
        ("42P01", StoreError, "42P01"),
        ("54000", StoreError, "54000"),
    ],
)
def test_each_failure_has_its_class_and_remedy(
    sqlstate: str, expected: type[StoreError], remedy: str
) -> None:
    """Orchestrators retry by class. Retrying a permanent error would hide it for an hour."""
    cause = psycopg.errors.lookup(sqlstate)("planted")

    with (
        pytest.raises(expected, match=f"db:5432.*publishing.*planted.*{remedy}") as e,
        typed_errors("publishing", "postgresql://db:5432/bigdata_db"),
    ):
        raise cause

    assert expected is type(e.value)
    assert cause is e.value.__cause__
    assert ("A retry can help" in str(e.value)) is e.value.is_retryable


def test_errors_of_cryptoassets_pass_through_unchanged() -> None:
    """The block inside `typed_errors` may raise a more specific error itself."""
    with pytest.raises(ContractViolationError, match=r"^specific$"), typed_errors("a", "b"):
        raise ContractViolationError("specific")


@pytest.mark.postgres
def test_an_error_is_retryable_if_the_server_ended_the_session(postgres: PostgresResource) -> None:
    """PostgreSQL may restart for an upgrade in the middle of a publication."""
    with postgres.connect() as connection, postgres.connect(autocommit=True) as administrator:
        address = address_of(connection)
        administrator.execute("SELECT pg_terminate_backend(%s)", [connection.info.backend_pid])

        for _ in range(2):  # first the session ends, then the connection is known to be closed
            with pytest.raises(StoreUnavailableError), typed_errors("publishing", address):
                connection.execute("SELECT 1")


@pytest.mark.postgres
def test_the_message_of_a_failure_contains_no_row_values(postgres: PostgresResource) -> None:
    """The server's details quote values, which belong in the quarantine and not in the log."""
    row = "INSERT INTO warehouse.loads VALUES ('a', 'planted', 'r', 1, 1, 0, 0, now())"

    with postgres.connect() as connection:
        connection.execute(row)
        with (
            pytest.raises(ContractViolationError, match="loads_pkey") as e,
            typed_errors("publishing", address_of(connection)),
        ):
            connection.execute(row)

    assert "planted" not in str(e.value)
