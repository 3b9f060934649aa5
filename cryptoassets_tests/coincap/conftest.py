"""Clients with short time-outs, and the servers that they call."""

from collections.abc import Iterator

import pytest

from cryptoassets.coincap.client import CoinCapClient
from cryptoassets.coincap.models import RetryPolicy, Timeouts
from cryptoassets.coincap_server.server import SourceServer
from cryptoassets_tests.coincap_server.fixtures import count_calls, plan_faults, source

__all__ = ["count_calls", "plan_faults", "source"]

QUICK = RetryPolicy(attempts=3, first_pause_seconds=0.01, longest_pause_seconds=0.02)
SHORT = Timeouts(connect_seconds=1, read_seconds=1.5, total_seconds=3)


@pytest.fixture
def client(source: SourceServer) -> Iterator[CoinCapClient]:
    """A client of `source` with short time-outs and pauses."""
    with CoinCapClient(source.url, retries=QUICK, timeouts=SHORT) as client:
        yield client
