"""A real `dagster dev` of the project's own code location, and a proxy that loses answers."""

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import requests

from cryptoassets.cli.airflow import dagster_program
from cryptoassets.embedded.airflow_programs import Programs
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
        """Its webserver."""
        return f"http://127.0.0.1:{self.port}"

    def runs(self, **tags: str) -> list[dict[str, Any]]:
        """Runs with these tags of Airflow (`run_id=...`), newest first."""
        wanted = [{"key": f"airflow/{key}", "value": value} for key, value in tags.items()]
        body = {"query": _RUNS, "variables": {"filter": {"tags": wanted}}}
        answer = requests.post(f"{self.url}/graphql", json=body, timeout=60).json()
        found = answer["data"]["runsOrError"]["results"]
        return [run | {"tags": {tag["key"]: tag["value"] for tag in run["tags"]}} for run in found]

    def await_run(self, run_id: str, *statuses: str, within: float = 120) -> dict[str, Any]:
        """Wait until the newest Dagster run of an Airflow run has one of these statuses."""

        def reached() -> dict[str, Any] | None:
            runs = self.runs(run_id=run_id)
            return runs[0] if runs and runs[0]["status"] in statuses else None

        return until(reached, within)


@contextmanager
def running_dagster(port: int, logs: Path) -> Iterator[Dagster]:
    """Start it as `make airflow` does."""
    programs = Programs(print)
    programs.start(dagster_program(port, logs))
    dagster = Dagster(port)
    try:
        until(lambda: _answers(dagster), 120)
        yield dagster
    finally:
        programs.stop()


def _answers(dagster: Dagster) -> bool:
    try:
        dagster.runs()
    except (requests.RequestException, ValueError, TypeError, KeyError):
        return False
    return True


class LosingProxy(ThreadingHTTPServer):
    """Passes requests on, and breaks the connection instead of answering the first launch."""

    daemon_threads = True

    def __init__(self, target: str) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.target = target
        self.to_lose = 1
        self.launches = 0

    @property
    def port(self) -> int:
        """Where it listens."""
        return int(self.server_address[1])


class _Handler(BaseHTTPRequestHandler):
    server: LosingProxy

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        is_launch = b"launchRun" in body
        answer = requests.post(
            self.server.target + self.path,
            data=body,
            headers={"Content-Type": "application/json"},
            timeout=60,
        )
        if is_launch:
            self.server.launches += 1
            if self.server.launches <= self.server.to_lose:
                time.sleep(2)
                self.connection.close()
                return
        self.send_response(answer.status_code)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(answer.content)))
        self.end_headers()
        self.wfile.write(answer.content)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - http.server's name
        """Say nothing."""


@contextmanager
def losing_proxy(target: str) -> Iterator[LosingProxy]:
    """Run the proxy in a thread."""
    with LosingProxy(target) as proxy:
        threading.Thread(target=proxy.serve_forever, daemon=True).start()
        yield proxy
        proxy.shutdown()
