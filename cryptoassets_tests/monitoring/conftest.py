"""Fixture for tests of alerts: a receiver of messages."""

from collections.abc import Iterator

import pytest

from cryptoassets_tests.monitoring.receiver import Receiver, listening


@pytest.fixture
def receiver(monkeypatch: pytest.MonkeyPatch) -> Iterator[Receiver]:
    """A running receiver whose address is in CRYPTOASSETS_ALERT_URLS."""
    with listening() as server:
        monkeypatch.setenv("CRYPTOASSETS_ALERT_URLS", server.url)
        yield server
