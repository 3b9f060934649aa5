"""A real `dagster dev` with the project's code location, and a proxy that loses a response."""

import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import requests

from cryptoassets.cli.airflow import dagster_program
from cryptoassets.embedded.dagster_home import dagster_environment
from cryptoassets.embedded.processes import Program, Programs
from cryptoassets.project import project_root
from cryptoassets_tests.airflow_plugin.live.airflow import until

_RUNS = """query Runs($filter: RunsFilter!) { runsOrError(filter: $filter, limit: 200) {
  ... on Runs { results { runId status jobName creationTime startTime endTime
    tags { key value } } } } }"""


@dataclass(frozen=True)
class Dagster:
    """A running Dagster."""

    port: int

    @property
    def url(self) -> str:
        """The URL of Dagster's webserver."""
        return f"http://127.0.0.1:{self.port}"

    def runs(self, **tags: str) -> list[dict[str, Any]]:
        """Return the runs with these Airflow tags (`run_id=...`), newest first."""
        wanted = [{"key": f"airflow/{key}", "value": value} for key, value in tags.items()]
        body = {"query": _RUNS, "variables": {"filter": {"tags": wanted}}}
        response = requests.post(f"{self.url}/graphql", json=body, timeout=60).json()
        found = response["data"]["runsOrError"]["results"]
        return [run | {"tags": {tag["key"]: tag["value"] for tag in run["tags"]}} for run in found]

    def await_run(self, run_id: str, *statuses: str, within: float = 120) -> dict[str, Any]:
        """Wait until the newest Dagster run of a DAG run has one of these statuses."""

        def reached() -> dict[str, Any] | None:
            runs = self.runs(run_id=run_id)
            return runs[0] if runs and runs[0]["status"] in statuses else None

        return until(reached, within)


@contextmanager
def running_dagster(port: int, logs: Path) -> Iterator[Dagster]:
    """Start Dagster as `make airflow` does."""
    programs = Programs(print)
    programs.start(dagster_program(port, logs))
    dagster = Dagster(port)
    try:
        until(lambda: is_answering(dagster), 120)
        yield dagster
    finally:
        programs.stop()


def is_answering(dagster: Dagster) -> bool:
    """Return whether Dagster answers a query for its runs."""
    try:
        dagster.runs()
    except (requests.RequestException, ValueError, TypeError, KeyError):
        return False
    return True


def webserver_program(port: int, logs: Path) -> Program:
    """Return a second webserver of the same Dagster, which a test may kill."""
    environment = dagster_environment()
    command = [
        str(Path(sys.executable).parent / "dagster-webserver"),
        *("-h", "127.0.0.1", "-p", str(port), "-w", str(project_root() / "workspace.yaml")),
    ]
    return Program("webserver", command, environment, logs / "webserver.log")


class LosingProxy(ThreadingHTTPServer):
    """Forwards requests, but closes the connection instead of answering the first launch of a run.

    It calls `instead` before closing the connection, while Dagster may still handle the launch.
    """

    daemon_threads = True

    def __init__(self, target: str) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.target = target
        self.to_lose = 1
        self.launches = 0
        self.instead: Callable[[], object] = partial(time.sleep, 2)

    @property
    def port(self) -> int:
        """The port that the proxy listens on."""
        return int(self.server_address[1])


class _Handler(BaseHTTPRequestHandler):
    server: LosingProxy

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        if b"launchRun" in body:
            self.server.launches += 1
            if self.server.launches <= self.server.to_lose:
                threading.Thread(target=self._pass_on, args=(body,), daemon=True).start()
                self.server.instead()
                self.connection.close()
                return
        try:
            response = self._pass_on(body)
        except requests.RequestException:
            self.send_error(502)
            return
        self.send_response(response.status_code)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(response.content)))
        self.end_headers()
        self.wfile.write(response.content)

    def _pass_on(self, body: bytes) -> requests.Response:
        return requests.post(
            self.server.target + self.path,
            data=body,
            headers={"Content-Type": "application/json"},
            timeout=60,
        )

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - http.server's name
        """Log nothing."""


@contextmanager
def losing_proxy(target: str) -> Iterator[LosingProxy]:
    """Run the proxy in a thread."""
    with LosingProxy(target) as proxy:
        threading.Thread(target=proxy.serve_forever, daemon=True).start()
        yield proxy
        proxy.shutdown()
