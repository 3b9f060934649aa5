"""A real Dagster webserver with its own instance, on a free port.

What goes here: starting the guarded webserver or Dagster's own, and a mutation whose effect is
visible. What stays out: the command `cryptoassets dev` (in `e2e.test_dev`).
"""

import json
import threading
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import dagster as dg
import pytest
import uvicorn
from dagster._core.workspace.context import WorkspaceProcessContext
from dagster._core.workspace.load_target import EmptyWorkspaceTarget
from dagster_webserver.webserver import DagsterWebserver

from cryptoassets.embedded.processes import free_port
from cryptoassets.webserver.__main__ import GuardedWebserver

PAUSE = "mutation{setAutoMaterializePaused(paused:true)}"
"""A mutation that works even on an instance without code locations."""


@dataclass(frozen=True)
class Page:
    """A running webserver on loopback."""

    port: int

    @property
    def address(self) -> str:
        """Host and port."""
        return f"127.0.0.1:{self.port}"

    def query(self, query: str) -> dict[str, Any]:
        """Send a query in the same way as the platform's own programs."""
        request = urllib.request.Request(
            f"http://{self.address}/graphql",
            json.dumps({"query": query}).encode(),
            {"Content-Type": "application/json"},
        )
        with urllib.request.urlopen(request, timeout=20) as response:
            data: dict[str, Any] = json.load(response)["data"]
        return data

    def is_paused(self) -> bool:
        """Return whether `PAUSE` took effect."""
        return bool(
            self.query("{instance{autoMaterializePaused}}")["instance"]["autoMaterializePaused"]
        )


@contextmanager
def served(webserver: type[DagsterWebserver[Any, Any]], folder: Path) -> Iterator[Page]:
    """Run a webserver with an empty instance and without code locations."""
    port = free_port()
    with (
        dg.DagsterInstance.local_temp(str(folder)) as instance,
        WorkspaceProcessContext(instance, EmptyWorkspaceTarget()) as context,
    ):
        app = webserver(context).create_asgi_app()
        server = uvicorn.Server(uvicorn.Config(app, port=port, log_level="warning"))
        thread = threading.Thread(target=server.run)
        thread.start()
        deadline = time.monotonic() + 30
        while not server.started and time.monotonic() < deadline:
            time.sleep(0.02)
        page = Page(port)
        page.query("mutation{setAutoMaterializePaused(paused:false)}")
        try:
            yield page
        finally:
            server.should_exit = True
            thread.join()


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Page]:
    """Dagster's webserver with the guard."""
    with served(GuardedWebserver, tmp_path_factory.mktemp("instance")) as running:
        yield running
