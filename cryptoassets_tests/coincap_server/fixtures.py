"""Servers on free ports, and functions that set their faults and read their call counts."""

import json
import os
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from cryptoassets.coincap_server.exchange import HttpResponse, Request
from cryptoassets.coincap_server.server import SourceServer, make_server
from cryptoassets.coincap_server.service import Service
from cryptoassets.coincap_server.sources import simulated_source

PlanFaults = Callable[..., None]


class UnnamedSimulator:
    """A simulator that does not identify itself, so that its calls are charged like CoinCap's."""

    def __init__(self) -> None:
        """Create the simulator."""
        self._service: Service = simulated_source()

    def answer(self, request: Request) -> HttpResponse:
        """Answer without the header that names the source."""
        wire = self._service.answer(request)
        kept = {name: text for name, text in wire.headers.items() if "Source" not in name}
        return HttpResponse(wire.status, wire.body, kept, wire.transfer_fault)


@pytest.fixture
def source() -> Iterator[SourceServer]:
    """A simulator without a key."""
    with make_server(simulated_source()) as server:
        yield server


@pytest.fixture
def plan_faults(source: SourceServer) -> PlanFaults:
    """Return a function that sets the fault rules of `source`."""
    return lambda *rules: put_faults(source.url, *rules)


@pytest.fixture
def count_calls(source: SourceServer) -> Callable[[], dict[str, dict[str, int]]]:
    """Return a function that reads the calls and credits that `source` has counted."""
    return lambda: get_json(f"{source.url}/calls")


@pytest.fixture(scope="session")
def samples() -> Path:
    """The folder of recorded responses that CRYPTOASSETS_SAMPLES names."""
    folder = os.environ.get("CRYPTOASSETS_SAMPLES")
    if not folder:
        pytest.skip("CRYPTOASSETS_SAMPLES is not set: no recorded responses to compare with")
    return Path(folder)


def put_faults(url: str, *rules: dict[str, Any]) -> None:
    """Set the fault rules of a server."""
    body = json.dumps(rules).encode()
    headers = {"Content-Type": "application/json"}
    request = urllib.request.Request(f"{url}/faults", data=body, headers=headers, method="PUT")
    with urllib.request.urlopen(request) as response:
        assert response.status == 200


def get_json(url: str) -> Any:
    """GET a URL and parse the JSON body."""
    with urllib.request.urlopen(url) as response:
        return json.load(response)
