"""Stores for each test, to insert history into."""

import pytest

from cryptoassets.resources.mongo import MongoResource
from cryptoassets.resources.postgres import PostgresResource
from cryptoassets_tests.upkeep.books import Books


@pytest.fixture
def books(database: str, postgres: PostgresResource, mongo: MongoResource) -> Books:
    """Empty stores to insert history into."""
    return Books(database, mongo.lake())
