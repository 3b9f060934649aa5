"""A real PostgreSQL for tests: one server per session, one database per test.

What goes here: fixtures that the root `conftest.py` provides to all tests. What stays out: rows
(each test writes its own).
"""

import os
import uuid
from collections.abc import Callable, Iterator

import psycopg
import pytest
from psycopg import sql

from cryptoassets.embedded import Stack
from cryptoassets.embedded.databases import with_database
from cryptoassets.migrations import upgrade
from cryptoassets.resources.postgres import PostgresResource

UrlOf = Callable[[str], str]


TEST_TEMPLATE = "CRYPTOASSETS_TEST_POSTGRES_TEMPLATE"
"""Environment variable: admin URL of a fully migrated database without rows, which tests copy."""


@pytest.fixture(scope="session")
def postgres_url_of(request: pytest.FixtureRequest) -> UrlOf:
    """Start the session's server; return a function that maps a database's name to its admin URL.

    The server does not wait for the disk, because no test simulates a power failure. Otherwise each
    of a test session's hundreds of commits would take milliseconds.
    """
    template = os.environ.get(TEST_TEMPLATE)
    if template:
        return lambda database: with_database(template, database)
    stack: Stack = request.getfixturevalue("stack")
    with psycopg.connect(stack.postgres_url("postgres"), autocommit=True) as connection:
        for name in ("fsync", "full_page_writes", "synchronous_commit"):
            connection.execute(sql.SQL("ALTER SYSTEM SET {} = off").format(sql.Identifier(name)))
        connection.execute("SELECT pg_reload_conf()")
    return lambda database: stack.postgres_url(database=database)


@pytest.fixture(scope="session")
def migrated_template(postgres_url_of: UrlOf) -> Iterator[str]:
    """Name of a fully migrated database: copying it is faster than migrating."""
    template = os.environ.get(TEST_TEMPLATE)
    if template:
        yield str(psycopg.conninfo.conninfo_to_dict(template)["dbname"])
        return
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
    """URL of a fully migrated database without rows."""
    name = f"test_{uuid.uuid4().hex[:8]}"
    administer(postgres_url_of, "CREATE DATABASE {} TEMPLATE {}", name, migrated_template)
    yield postgres_url_of(name)
    administer(postgres_url_of, "DROP DATABASE {} WITH (FORCE)", name)


@pytest.fixture
def analyst_url(stack: Stack, database: str, monkeypatch: pytest.MonkeyPatch) -> str:
    """URL of the test's database for the read-only role `analyst`; also set as ANALYST_URL."""
    name = psycopg.conninfo.conninfo_to_dict(database)["dbname"]
    url = with_database(stack.analyst_url(), str(name))
    monkeypatch.setenv("ANALYST_URL", url)
    return url


@pytest.fixture
def postgres(database: str, monkeypatch: pytest.MonkeyPatch) -> PostgresResource:
    """A resource that connects to the test's database."""
    monkeypatch.setenv("POSTGRES_URL", database)
    return PostgresResource()


def administer(url_of: UrlOf, statement: str, *names: str) -> None:
    """Run a statement that cannot run in a transaction; each `{}` is replaced with a name."""
    with psycopg.connect(url_of("postgres"), autocommit=True) as connection:
        connection.execute(sql.SQL(statement).format(*map(sql.Identifier, names)))
