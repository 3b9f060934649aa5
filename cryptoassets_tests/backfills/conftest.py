"""Stores for each test to insert history into, and a simulator to fetch from."""

from collections.abc import Callable
from typing import Any

import pytest

from cryptoassets.backfills.fetch import HistoryFetch
from cryptoassets.backfills.gaps import DetectedGaps, detect_gaps
from cryptoassets.coincap.client import CoinCapClient
from cryptoassets.partitions.spans import Span
from cryptoassets.resources.mongo import MongoResource
from cryptoassets.resources.postgres import PostgresResource
from cryptoassets_tests.backfills.history_data import NOW, HistoryData, at
from cryptoassets_tests.backfills.history_passes import TWO_DAYS, Fetch
from cryptoassets_tests.coincap.conftest import client
from cryptoassets_tests.coincap_server.fixtures import count_calls, plan_faults, source

__all__ = ["client", "count_calls", "plan_faults", "source"]

Detect = Callable[..., DetectedGaps]


@pytest.fixture
def history_data(database: str, postgres: PostgresResource, mongo: MongoResource) -> HistoryData:
    """Empty stores to insert history into."""
    return HistoryData(database, mongo.lake())


@pytest.fixture
def detect(mongo: MongoResource, postgres: PostgresResource) -> Detect:
    """Return a function that detects gaps at the time `hour` hours after T0."""
    return lambda hour=NOW: detect_gaps(mongo, postgres, "h1", at(hour))


@pytest.fixture
def fetch(client: CoinCapClient) -> Fetch:
    """Return a function that creates a pass over coins, with the same span for each coin."""

    def make(*coins: str, wanted: Span = TWO_DAYS, **changes: Any) -> HistoryFetch:
        plan = {coin: [wanted] for coin in coins}
        options = {"interval": "h1", "source": "simulator", "wanted": plan, "before": wanted[1]}
        return HistoryFetch(client, **(options | changes))

    return make
