"""A running dashboard, a database with data for it, and a browser that opens its pages.

What goes here: fixtures. What stays out: the rows (in `market.sql`), the browser's protocol (in
`browser`).
"""

import os
import sys
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import LiteralString

import psycopg
import pytest

from cryptoassets.embedded import Stack
from cryptoassets.embedded.processes import free_port
from cryptoassets.resources.postgres import ensure_months
from cryptoassets_tests.dashboard.browser import Tab, browser
from cryptoassets_tests.resources.postgres_fixtures import UrlOf, administer
from cryptoassets_tests.web import serving

ROWS = Path(__file__).with_name("market.sql")


@contextmanager
def served(analyst_url: str | None, **environment: str) -> Iterator[str]:
    """Run the dashboard on a free port; yield its address."""
    port = free_port()
    variables = os.environ | environment
    if analyst_url is not None:
        variables |= {"ANALYST_URL": analyst_url}
    address = f"http://localhost:{port}"
    command = [sys.executable, "-m", "cryptoassets.dashboard", "--port", str(port)]
    with serving(command, f"{address}/_stcore/health", variables):
        yield address


@contextmanager
def filled(
    stack: Stack, postgres_url_of: UrlOf, migrated_template: str, changes: LiteralString = ""
) -> Iterator[str]:
    """Create a database with prices of 100 coins over 90 days; yield the analyst's URL.

    Args:
        stack: the session's servers.
        postgres_url_of: returns a database's URL for the administrator.
        migrated_template: name of the database to copy.
        changes: SQL that changes the inserted rows.
    """
    name = f"market_{uuid.uuid4().hex[:8]}"
    administer(postgres_url_of, "CREATE DATABASE {} TEMPLATE {}", name, migrated_template)
    with psycopg.connect(postgres_url_of(name)) as connection:
        today = datetime.now(UTC).date()
        ensure_months(connection, [today - timedelta(days=days) for days in range(0, 101, 10)])
        connection.execute("SET search_path = pg_catalog")
        connection.execute(ROWS.read_bytes())
        connection.execute(changes)
    yield f"{stack.analyst_url().rsplit('/', 1)[0]}/{name}"
    administer(postgres_url_of, "DROP DATABASE {} WITH (FORCE)", name)


@pytest.fixture(scope="session")
def market(stack: Stack, postgres_url_of: UrlOf, migrated_template: str) -> Iterator[str]:
    """The analyst's URL of a database with prices of 100 coins over 90 days."""
    with filled(stack, postgres_url_of, migrated_template) as url:
        yield url


@pytest.fixture(scope="session")
def dashboard(market: str) -> Iterator[str]:
    """Address of a dashboard with data; no other page of the platform is running."""
    with served(market, CRYPTOASSETS_PAGES=f"dagster=http://localhost:{free_port()}") as address:
        yield address


@pytest.fixture(scope="session")
def tab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Tab]:
    """A tab of a headless browser."""
    with browser(tmp_path_factory.mktemp("browser")) as opened:
        yield opened
