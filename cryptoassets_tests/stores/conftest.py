"""A cursor for tests of single statements."""

from collections.abc import Iterator

import psycopg
import pytest

from cryptoassets.stores.publishing import Cursor


@pytest.fixture
def cursor(database: str) -> Iterator[Cursor]:
    """A cursor in a transaction that is rolled back."""
    with psycopg.connect(database) as connection:
        connection.execute("SET TIME ZONE 'UTC'")
        yield connection.cursor()
        connection.rollback()
