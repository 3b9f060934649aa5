"""Runs on a cluster share the cores of its workers."""

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from cryptoassets.resources.spark_cores import cores_per_run
from cryptoassets.settings import Settings

WORKERS = [
    {"state": "ALIVE", "cores": 2},
    {"state": "ALIVE", "cores": 2},
    {"state": "ALIVE", "cores": 2},
    {"state": "DEAD", "cores": 8},
]


@pytest.fixture
def page() -> Iterator[str]:
    """The address of a server that imitates the page of a Spark 4 master."""

    class Page(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200 if self.path == "/json/" else 404)
            self.end_headers()
            self.wfile.write(json.dumps({"workers": WORKERS}).encode())

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - http.server's name
            """Log nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Page) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_address[1]}"
        server.shutdown()


def cluster(page: str, cores: int = 0, master: str = "spark://master:7077") -> Settings:
    """Return settings that name a master's page."""
    return Settings(
        _env_file=None,
        spark_master=master,
        cryptoassets_pages=f"spark=http://localhost:8080|{page}",
        spark_cores_per_run=cores,
    )


def test_a_run_takes_half_of_the_cores_of_all_workers(page: str) -> None:
    """Once, a run used only one of three workers."""
    assert 3 == cores_per_run(cluster(page))


def test_a_user_can_choose_the_number_of_cores(page: str) -> None:
    """If runs never overlap, a run can have all cores."""
    assert 6 == cores_per_run(cluster(page, cores=6))


def test_spark_decides_if_no_master_responds_or_spark_is_local(page: str) -> None:
    """If the master is down, creating the session fails or waits. A local Spark has no workers."""
    assert cores_per_run(cluster("http://127.0.0.1:9")) is None
    assert cores_per_run(cluster(page, master="local[*]")) is None
