"""Connections of type http, dagster and generic are all supported."""

import pytest
from airflow.models import Connection

from cryptoassets_airflow.address import read_address
from cryptoassets_airflow.errors import DagsterRefusedError


@pytest.mark.parametrize(
    ("fields", "root"),
    [
        ({"conn_type": "http", "host": "dagster", "port": 3000}, "http://dagster:3000"),
        ({"conn_type": "http", "host": "dagster", "schema": "https"}, "https://dagster:3000"),
        ({"conn_type": "http", "host": "https://dagster.example/x"}, "https://dagster.example/x"),
        ({"conn_type": "generic", "host": "dagster", "login": "me"}, "http://dagster:3000"),
        ({"conn_type": "dagster", "login": "http://d:3000/graphql"}, "http://d:3000"),
        ({"conn_type": "http", "host": "a", "extra": '{"url": "http://b:1/"}'}, "http://b:1"),
    ],
)
def test_the_root_is_read_from_the_connection(fields: dict[str, object], root: str) -> None:
    """Connections of dagster-airflow's type have the full URL in the login."""
    address = read_address(Connection(conn_id="dagster_default", **fields))

    assert root == address.root
    assert f"{root}/graphql" == address.graphql_url


def test_browsers_may_use_a_different_address_than_programs() -> None:
    """In compose, Airflow uses `dagster-webserver`, but a browser must use `localhost`."""
    extra = '{"ui_url": "http://localhost:3000/"}'

    address = read_address(Connection(conn_id="d", conn_type="http", host="web", extra=extra))

    assert "http://localhost:3000/runs/1" == address.run_page("1")


def test_the_token_is_sent_and_never_shown() -> None:
    """Addresses may appear in logs."""
    address = read_address(Connection(conn_id="d", conn_type="http", host="h", password="s3cret"))

    assert {"Authorization": "Bearer s3cret"} == address.headers
    assert "s3cret" not in repr(address)


def test_a_connection_without_an_address_is_an_error_with_a_remedy() -> None:
    """A retry would not help, so Airflow fails the task at once."""
    with pytest.raises(DagsterRefusedError, match=r"'d' has no URL of a Dagster.*host and port"):
        read_address(Connection(conn_id="d", conn_type="http"))
