"""One made-up market for all tests that only read it."""

import uuid
from collections.abc import Iterator

import psycopg
import pytest

from cryptoassets.analysis.connection import connect
from cryptoassets.embedded import Stack
from cryptoassets.embedded.databases import with_database
from cryptoassets_tests.analysis.market import fill
from cryptoassets_tests.resources.postgres_fixtures import UrlOf, administer


@pytest.fixture(scope="session")
def market_url(stack: Stack, postgres_url_of: UrlOf, migrated_template: str) -> Iterator[str]:
    """URL of the role `analyst` in a database with the made-up market."""
    name = f"market_{uuid.uuid4().hex[:8]}"
    administer(postgres_url_of, "CREATE DATABASE {} TEMPLATE {}", name, migrated_template)
    fill(postgres_url_of(name))
    yield with_database(stack.analyst_url(), name)
    administer(postgres_url_of, "DROP DATABASE {} WITH (FORCE)", name)


@pytest.fixture
def market(market_url: str, monkeypatch: pytest.MonkeyPatch) -> str:
    """URL of the made-up market, to which ANALYST_URL is set."""
    monkeypatch.setenv("ANALYST_URL", market_url)
    return market_url


@pytest.fixture
def reader(market: str) -> Iterator[psycopg.Connection]:
    """A connection of the role `analyst` to the market."""
    with connect() as connection:
        yield connection
