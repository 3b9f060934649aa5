"""The command `dev`, started and stopped as a user would do it."""

import os
import socket
import subprocess
import urllib.error
import urllib.request
from pathlib import Path

import psutil
import pytest

from cryptoassets.embedded.processes import free_port
from cryptoassets_tests.e2e.homes import COMMAND
from cryptoassets_tests.web import serving


def statuses(port: int) -> dict[str, int]:
    """HTTP statuses of a query sent by a program, in a URL, and by a page from another origin."""
    query, address = b'{"query": "{version}"}', f"http://127.0.0.1:{port}/graphql"
    headers = {"Content-Type": "application/json"}
    foreign = headers | {"Origin": "http://evil.example"}
    requests = {
        "own": urllib.request.Request(address, query, headers),
        "by URL": urllib.request.Request(f"{address}?query=%7Bversion%7D"),
        "foreign": urllib.request.Request(address, query, foreign),
    }
    return {name: status_of(request) for name, request in requests.items()}


def status_of(request: urllib.request.Request) -> int:
    """Send a request; return the response's status, even if it is an error."""
    try:
        with urllib.request.urlopen(request, timeout=20) as response:
            return int(response.status)
    except urllib.error.HTTPError as error:
        error.close()
        return error.code


@pytest.mark.postgres
@pytest.mark.usefixtures("stack")  # stops the stores, which `dev` leaves running
@pytest.mark.timeout(240)
def test_dev_accepts_only_its_own_page_and_sigterm_ends_all_dagster_processes(
    session_home: Path,
) -> None:
    """Plain `dagster dev` accepts requests from any page, and its daemon survives SIGTERM."""
    port = free_port()
    environment = os.environ | {"CRYPTOASSETS_HOME": str(session_home)}
    command = [str(COMMAND), "dev", "--port", str(port)]
    health = f"http://127.0.0.1:{port}/server_info"

    with serving(command, health, environment, stdout=subprocess.DEVNULL) as dev:
        found = statuses(port)
        started = psutil.Process(dev.pid).children(recursive=True)

    # `webserver.test_guard` tests each refusal; this test only checks that `dev` uses the guard.
    assert {"own": 200, "by URL": 405, "foreign": 403} == found
    gone, alive = psutil.wait_procs(started, timeout=30)
    # The stores must keep running.
    commands = [" ".join(process.cmdline()) for process in alive]
    assert [] == [it for it in commands if "dagster" in it or "cryptoassets.webserver" in it]
    assert 3 <= len(gone)


def test_a_port_in_use_is_reported_before_anything_starts() -> None:
    """Otherwise Dagster would print `Serving`, then fail, and its daemon would keep running."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = str(taken.getsockname()[1])

        ended = subprocess.run(
            [str(COMMAND), "dev", "--port", port], capture_output=True, text=True, check=False
        )

    assert 2 == ended.returncode
    assert f"Port {port} cannot be used" in ended.stderr
