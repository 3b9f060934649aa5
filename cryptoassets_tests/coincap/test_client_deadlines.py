"""The client waits as long as the server asks, but never beyond its deadline."""

import socket
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from typing import Any

import pytest

from cryptoassets.coincap.client import CoinCapClient
from cryptoassets.coincap.models import Timeouts
from cryptoassets.coincap_server.server import SourceServer
from cryptoassets.errors import (
    RateLimitedError,
    SourceError,
    SourceUnavailableError,
)
from cryptoassets_tests.coincap.conftest import QUICK
from cryptoassets_tests.coincap_server.fixtures import PlanFaults


def seconds_of(call: Callable[[], Any]) -> float:
    """Return how long a call took."""
    begin = time.monotonic()
    call()
    return time.monotonic() - begin


def seconds_until(error: type[SourceError], call: Callable[[], Any]) -> float:
    """Return how long a call took until it failed with this error."""
    begin = time.monotonic()
    with pytest.raises(error):
        call()
    return time.monotonic() - begin


def test_a_slow_body_ends_at_the_deadline(source: SourceServer, plan_faults: PlanFaults) -> None:
    """At 1 byte per second no read time-out occurs, and 40 kB would take half a day."""
    plan_faults({"kind": "slow"})
    timeouts = Timeouts(read_seconds=1.5, total_seconds=1.5)

    with CoinCapClient(source.url, timeouts=timeouts) as client:
        took = seconds_until(SourceUnavailableError, lambda: client.snapshot(100))

    assert 1.3 < took < 2.2


def test_slow_headers_end_at_the_deadline_too() -> None:
    """The HTTP library waits for the headers, so only shutting down the socket ends the call."""

    def drip(listener: socket.socket) -> None:
        connection, _ = listener.accept()
        with connection, suppress(OSError):
            for letter in b"HTTP/1.1 200 OK\r\nX-Long: " + b"a" * 100:
                connection.sendall(bytes([letter]))
                time.sleep(0.1)

    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = threading.Thread(target=drip, args=(listener,))
        thread.start()
        url = f"http://127.0.0.1:{listener.getsockname()[1]}"
        with CoinCapClient(url, timeouts=Timeouts(total_seconds=0.5)) as client:
            took = seconds_until(SourceUnavailableError, lambda: client.snapshot(1))
        thread.join()

    assert 0.4 < took < 1


def test_a_call_to_a_silent_server_ends_at_the_read_time_out(
    source: SourceServer, plan_faults: PlanFaults
) -> None:
    """A read time-out is a temporary fault, so the call is retried."""
    plan_faults({"kind": "slow"})
    timeouts = Timeouts(read_seconds=0.2, total_seconds=5)

    with (
        CoinCapClient(source.url, timeouts=timeouts, retries=QUICK) as client,
        pytest.raises(SourceUnavailableError, match=r"sent nothing for 0\.2 s"),
    ):
        client.snapshot(100)


@pytest.mark.parametrize("retry_after", ["1", "date"])
def test_retry_after_is_honoured_in_both_forms(
    client: CoinCapClient, plan_faults: PlanFaults, retry_after: str
) -> None:
    """An earlier retry would be refused again; a much later one would waste time."""
    plan_faults({"kind": "status", "status": 429, "retry_after": retry_after, "times": 1})

    took = seconds_of(lambda: client.snapshot(1))

    assert 0.5 < took < 2.0


def test_a_wait_beyond_the_deadline_fails_at_once(
    client: CoinCapClient, plan_faults: PlanFaults
) -> None:
    """A call with a deadline of 3 s fails at once if the server asks for an hour."""
    plan_faults({"kind": "status", "status": 429, "retry_after": "3600"})

    took = seconds_until(RateLimitedError, lambda: client.snapshot(1))

    assert took < 1
