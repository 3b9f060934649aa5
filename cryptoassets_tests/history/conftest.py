"""Books of a test's own, and a simulator to fetch from."""

import pytest

from cryptoassets.resources.mongo import MongoResource
from cryptoassets.resources.postgres import PostgresResource
from cryptoassets_tests.coincap.conftest import client
from cryptoassets_tests.coincap_server.fixtures import count_calls, plan_faults, source
from cryptoassets_tests.history.books import Books

__all__ = ["client", "count_calls", "plan_faults", "source"]


@pytest.fixture
def books(database: str, postgres: PostgresResource, mongo: MongoResource) -> Books:
    """Empty stores to plant in."""
    return Books(database, mongo.lake())
