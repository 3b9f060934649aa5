"""A real PostgreSQL for tests: one server per session, one database per test.

What goes here: fixtures that the root `conftest.py` provides to all tests. What stays out: rows
(each test writes its own).
"""

import uuid
from collections.abc import Callable, Iterator

import psycopg
import pytest
from psycopg import sql

from cryptoassets.embedded import Stack
from cryptoassets.migrations import upgrade
from cryptoassets.resources.postgres import PostgresResource

UrlOf = Callable[[str], str]


@pytest.fixture(scope="session")
def postgres_url_of(stack: Stack) -> UrlOf:
    """Start the session's server; return a function from a database's name to its admin URL."""
    return lambda database: stack.postgres_url(database=database)


@pytest.fixture(scope="session")
def migrated_template(postgres_url_of: UrlOf) -> Iterator[str]:
    """Name of a database at head: copying it is faster than migrating."""
    name = f"template_{uuid.uuid4().hex[:8]}"
    administer(postgres_url_of, "CREATE DATABASE {}", name)
    upgrade(postgres_url_of(name))
    yield name
    administer(postgres_url_of, "DROP DATABASE {} WITH (FORCE)", name)


@pytest.fixture
def empty_database(postgres_url_of: UrlOf) -> Iterator[str]:
    """URL of an empty database."""
    name = f"empty_{uuid.uuid4().hex[:8]}"
    administer(postgres_url_of, "CREATE DATABASE {}", name)
    yield postgres_url_of(name)
    administer(postgres_url_of, "DROP DATABASE {} WITH (FORCE)", name)


@pytest.fixture
def database(postgres_url_of: UrlOf, migrated_template: str) -> Iterator[str]:
    """URL of a database at head, without rows."""
    name = f"test_{uuid.uuid4().hex[:8]}"
    administer(postgres_url_of, "CREATE DATABASE {} TEMPLATE {}", name, migrated_template)
    yield postgres_url_of(name)
    administer(postgres_url_of, "DROP DATABASE {} WITH (FORCE)", name)


@pytest.fixture
def postgres(database: str, monkeypatch: pytest.MonkeyPatch) -> PostgresResource:
    """The resource, with settings that name the test's database."""
    monkeypatch.setenv("POSTGRES_URL", database)
    return PostgresResource()


def administer(url_of: UrlOf, statement: str, *names: str) -> None:
    """Run a statement that cannot run in a transaction, with names in place of `{}`."""
    with psycopg.connect(url_of("postgres"), autocommit=True) as connection:
        connection.execute(sql.SQL(statement).format(*map(sql.Identifier, names)))
