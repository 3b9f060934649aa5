"""Stores for each test to insert history into, and a simulator to fetch from."""

import pytest

from cryptoassets.resources.mongo import MongoResource
from cryptoassets.resources.postgres import PostgresResource
from cryptoassets_tests.backfills.history_data import HistoryData
from cryptoassets_tests.coincap.conftest import client
from cryptoassets_tests.coincap_server.fixtures import count_calls, plan_faults, source

__all__ = ["client", "count_calls", "plan_faults", "source"]


@pytest.fixture
def history_data(database: str, postgres: PostgresResource, mongo: MongoResource) -> HistoryData:
    """Empty stores to insert history into."""
    return HistoryData(database, mongo.lake())
