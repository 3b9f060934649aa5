"""The source: the simulator as a process, and which source a server serves."""

from collections.abc import Callable
from pathlib import Path

import pytest

from cryptoassets.coincap_server.server import make_server
from cryptoassets.coincap_server.sources import simulated_source
from cryptoassets.embedded import Stack
from cryptoassets.embedded.processes import free_port
from cryptoassets.embedded.source import source_header_of
from cryptoassets.errors import SourceUnavailableError
from cryptoassets_tests.embedded import servers

MakeStack = Callable[..., Stack]


def test_without_key_and_url_the_simulator_is_started(make_stack: MakeStack) -> None:
    """A new user has no key."""
    url = make_stack().source_url()

    assert "simulator" == source_header_of(f"{url}/health")
    assert "simulator" == make_stack().source
    assert url == make_stack().source_url()
    assert ["Stopped CoinCap simulator (invented prices)"] == make_stack().down()


def test_a_killed_simulator_is_restarted_at_its_old_address(make_stack: MakeStack) -> None:
    """Dagster's UI may run for days."""
    stack = make_stack()
    url = stack.source_url()
    servers.kill(servers.running_pid(stack, "source"))

    assert url == make_stack().source_url()


def test_the_source_of_a_server_is_known_even_when_the_server_is_down_later(
    make_stack: MakeStack,
) -> None:
    """`status` must find the right set of stores without the source."""
    with make_server(simulated_source()) as server:
        answered = make_stack(coincap_url=server.url).source

    assert "simulator" == answered
    assert "simulator" == make_stack(coincap_url=server.url).source


def test_a_server_that_never_answered_is_one_sentence(home: Path, make_stack: MakeStack) -> None:
    """If the kind of source were guessed, invented prices could be mixed with real ones."""
    stack = make_stack(coincap_url=f"http://127.0.0.1:{free_port()}")

    with pytest.raises(SourceUnavailableError, match="COINCAP_URL"):
        _ = stack.source

    assert [] == list(home.iterdir())
