"""The verb `dev`, as a person starts and stops it."""

import os
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path

import psutil
import pytest

COMMAND = Path(sys.executable).parent / "cryptoassets"


def free_port() -> int:
    """A port that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def wait_until_served(url: str, process: "subprocess.Popen[bytes]") -> None:
    """Return when the page answers."""
    deadline = time.monotonic() + 120
    while time.monotonic() < deadline:
        assert process.poll() is None, "dev ended by itself"
        try:
            urllib.request.urlopen(url, timeout=5).close()
        except (urllib.error.URLError, OSError):
            time.sleep(0.5)
        else:
            return
    pytest.fail(f"{url} was not served within 120 s")


def statuses(port: int) -> dict[str, int]:
    """The answers to a query as programs send it, by URL, and from a page of another origin."""
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
    """Send a request; return the status, errors included."""
    try:
        with urllib.request.urlopen(request, timeout=20) as answer:
            return int(answer.status)
    except urllib.error.HTTPError as error:
        error.close()
        return error.code


@pytest.mark.postgres
@pytest.mark.usefixtures("stack")  # it stops the stores that `dev` leaves
@pytest.mark.timeout(240)
def test_dev_serves_dagster_to_its_own_page_and_a_sigterm_ends_all_of_it(
    session_home: Path,
) -> None:
    """`dagster dev` alone serves every web page, and leaves its daemon behind on SIGTERM."""
    port = free_port()
    environment = os.environ | {"CRYPTOASSETS_HOME": str(session_home)}
    dev = subprocess.Popen(
        [str(COMMAND), "dev", "--port", str(port)], env=environment, stdout=subprocess.DEVNULL
    )
    wait_until_served(f"http://127.0.0.1:{port}/server_info", dev)
    answers = statuses(port)
    started = psutil.Process(dev.pid).children(recursive=True)

    dev.send_signal(signal.SIGTERM)
    dev.wait(timeout=60)

    # Each refusal by itself is in `webserver.test_guard`; here: that `dev` has them.
    assert {"own": 200, "by URL": 405, "foreign": 403} == answers
    gone, alive = psutil.wait_procs(started, timeout=30)
    # The stores are to stay.
    commands = [" ".join(process.cmdline()) for process in alive]
    assert [] == [it for it in commands if "dagster" in it or "cryptoassets.webserver" in it]
    assert 3 <= len(gone)


def test_a_taken_port_is_said_before_anything_starts() -> None:
    """Dagster would say `Serving`, then fail, and leave a daemon without a page."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = str(taken.getsockname()[1])

        answer = subprocess.run(
            [str(COMMAND), "dev", "--port", port], capture_output=True, text=True, check=False
        )

    assert 2 == answer.returncode
    assert f"Port {port} cannot be used" in answer.stderr
