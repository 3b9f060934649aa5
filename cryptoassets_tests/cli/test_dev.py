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


@pytest.mark.postgres
@pytest.mark.timeout(240)
def test_dev_serves_dagster_and_a_sigterm_ends_all_of_it(session_home: Path) -> None:
    """`dagster dev` alone leaves its daemon behind on SIGTERM."""
    port = free_port()
    environment = os.environ | {"CRYPTOASSETS_HOME": str(session_home)}
    dev = subprocess.Popen(
        [str(COMMAND), "dev", "--port", str(port)], env=environment, stdout=subprocess.DEVNULL
    )
    wait_until_served(f"http://127.0.0.1:{port}/server_info", dev)
    started = psutil.Process(dev.pid).children(recursive=True)

    dev.send_signal(signal.SIGTERM)
    dev.wait(timeout=60)

    gone, alive = psutil.wait_procs(started, timeout=30)
    # The stores are to stay.
    assert [] == [process for process in alive if "dagster" in " ".join(process.cmdline())]
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
