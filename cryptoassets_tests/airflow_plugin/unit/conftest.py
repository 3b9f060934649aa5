"""A minimal fake Dagster: an HTTP server that returns prepared responses."""

import json
import os
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from cryptoassets_airflow.hook import DagsterHook

# By default Airflow 2 also loads its example DAGs, which need a database.
os.environ["AIRFLOW__CORE__LOAD_EXAMPLES"] = "False"


class ScriptedDagster(ThreadingHTTPServer):
    """Answers each GraphQL operation with the next entry of its list; repeats the last entry.

    An entry is the JSON of `data`, a status code, "cut" for a lost connection, or an exception that
    is reported with HTTP 500.
    """

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.responses: dict[str, list[Any]] = {}
        self.asked: list[tuple[str, dict[str, Any]]] = []
        self.headers: list[dict[str, str]] = []

    def next_response(self, operation: str) -> Any:
        """Return the next entry for an operation."""
        entries = self.responses[operation]
        return entries.pop(0) if len(entries) > 1 else entries[0]

    def operations(self) -> list[str]:
        """Return the names of the requested operations, in order."""
        return [operation for operation, _ in self.asked]


class _Handler(BaseHTTPRequestHandler):
    server: ScriptedDagster

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        operation = body["query"].split("(")[0].split("{")[0].split()[1]
        self.server.asked.append((operation, body["variables"]))
        self.server.headers.append(dict(self.headers))
        response = self.server.next_response(operation)
        if response == "cut":
            self.connection.close()
            return
        status = response if isinstance(response, int) else 200
        content = {"data": response} if status == 200 else {}
        if isinstance(response, Exception):
            status = 500
            info = {"errorInfo": {"cls_name": type(response).__name__}}
            content = {"data": None, "errors": [{"message": str(response), "extensions": info}]}
        text = json.dumps(content).encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        self.wfile.write(text)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - http.server's name
        """Log nothing."""


@pytest.fixture
def dagster(monkeypatch: pytest.MonkeyPatch) -> Iterator[ScriptedDagster]:
    """The fake Dagster; the connection `dagster_default` has its address and the token `secret`."""
    with ScriptedDagster() as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        connection = {
            "conn_type": "http",
            "host": "127.0.0.1",
            "port": server.server_address[1],
            "password": "secret",
        }
        monkeypatch.setenv("AIRFLOW_CONN_DAGSTER_DEFAULT", json.dumps(connection))
        # These tests need not wait between tries.
        monkeypatch.setattr("time.sleep", lambda _seconds: None)
        yield server
        server.shutdown()


@pytest.fixture
def hook(dagster: ScriptedDagster) -> DagsterHook:
    """A hook with short timeouts."""
    return DagsterHook(read_seconds=2, settle_seconds=0)
