"""The command `dev`, started and stopped as a user would do it."""

import os
import socket
import subprocess
import urllib.error
import urllib.request
from pathlib import Path

import psutil
import pytest
from rich.console import Console

from cryptoassets.cli.stores import print_setting_for_links
from cryptoassets.embedded.processes import free_port
from cryptoassets_tests.e2e.homes import COMMAND
from cryptoassets_tests.web import serving


def statuses(port: int) -> dict[str, int]:
    """HTTP statuses of three queries: from a program, in a URL, and from another origin's page."""
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


def setting_for_links(port: int) -> str:
    """Return what `dev` prints about links to a Dagster on this port."""
    with (console := Console(width=200)).capture() as printed:
        print_setting_for_links(console, port)
    return printed.get()


@pytest.mark.postgres
@pytest.mark.usefixtures("stack")  # stops the stores, which `dev` leaves running
@pytest.mark.timeout(240)
def test_dev_accepts_only_its_own_page_and_sigterm_ends_all_dagster_processes(
    session_home: Path, tmp_path: Path
) -> None:
    """Plain `dagster dev` accepts requests from any page, and its daemon survives SIGTERM."""
    port = free_port()
    environment = os.environ | {"CRYPTOASSETS_HOME": str(session_home)}
    command = [str(COMMAND), "dev", "--port", str(port)]
    health = f"http://127.0.0.1:{port}/server_info"
    printed = tmp_path / "printed"

    with (
        printed.open("wb") as stdout,
        serving(command, health, environment, stdout=stdout) as dev,
    ):
        found = statuses(port)
        started = psutil.Process(dev.pid).children(recursive=True)

    assert f"CRYPTOASSETS_PAGES=dagster=http://localhost:{port}\n" in printed.read_text()
    # `webserver.test_guard` tests each refusal; this test only checks that `dev` uses the guard.
    assert {"own": 200, "by URL": 405, "foreign": 403} == found
    gone, alive = psutil.wait_procs(started, timeout=30)
    # The stores must keep running.
    commands = [" ".join(process.cmdline()) for process in alive]
    assert [] == [it for it in commands if "dagster" in it or "cryptoassets.webserver" in it]
    assert 3 <= len(gone)


@pytest.mark.parametrize("command", ["dev", "dashboard"])
@pytest.mark.parametrize("port", ["99999", "-1"])
def test_a_port_that_cannot_exist_is_wrong_usage(command: str, port: str) -> None:
    """In an earlier version, these commands ended with a traceback."""
    completed = subprocess.run(
        [str(COMMAND), command, f"--port={port}"], capture_output=True, text=True, check=False
    )

    assert 2 == completed.returncode
    assert "Invalid value for '--port'" in completed.stderr


@pytest.mark.parametrize(
    ("pages", "port", "setting"),
    [
        ("", 3005, "dagster=http://localhost:3005"),
        (
            "dagster=http://old:1 spark=http://s",
            3005,
            "'dagster=http://localhost:3005 spark=http://s'",
        ),
        ("dagster=http://localhost:3005", 3005, None),
        ("", 3000, None),
    ],
    ids=["unset", "other pages", "already set", "usual port"],
)
def test_dev_prints_the_setting_for_links_to_an_unusual_port(
    monkeypatch: pytest.MonkeyPatch, pages: str, port: int, setting: str | None
) -> None:
    """Without the setting, the dashboard would link to another program instead of Dagster."""
    monkeypatch.setenv("CRYPTOASSETS_PAGES", pages)

    printed = setting_for_links(port)

    assert (f"CRYPTOASSETS_PAGES={setting}\n" in printed) if setting else printed == ""


def test_a_port_in_use_is_reported_before_anything_starts() -> None:
    """Dagster itself would print `Serving`, then fail, and its daemon would keep running."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = str(taken.getsockname()[1])

        completed = subprocess.run(
            [str(COMMAND), "dev", "--port", port], capture_output=True, text=True, check=False
        )

    assert 2 == completed.returncode
    assert f"Port {port} cannot be used" in completed.stderr
