"""The simulator runs as a process, and a server at COINCAP_URL is asked which source it serves."""

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
    """Dagster's UI may run for days, and keeps using the old address."""
    stack = make_stack()
    url = stack.source_url()
    servers.kill(servers.running_pid(stack, "source"))

    assert url == make_stack().source_url()


def test_the_source_of_a_server_is_remembered_while_the_server_is_down(
    make_stack: MakeStack,
) -> None:
    """`status` must find the right set of stores even if the server does not respond."""
    with make_server(simulated_source()) as server:
        source_while_up = make_stack(coincap_url=server.url).source

    assert "simulator" == source_while_up
    assert "simulator" == make_stack(coincap_url=server.url).source


def test_the_source_of_a_server_that_never_answered_is_not_guessed(
    home: Path, make_stack: MakeStack
) -> None:
    """After a wrong guess, invented prices could be mixed with real ones."""
    stack = make_stack(coincap_url=f"http://127.0.0.1:{free_port()}")

    with pytest.raises(SourceUnavailableError, match="COINCAP_URL"):
        _ = stack.source

    assert [] == list(home.iterdir())
