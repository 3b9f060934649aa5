"""In a real browser, Dagster's page works, and requests from other pages are refused.

What goes here: tests that depend on the headers that a real browser sends. What stays out: single
requests (in `test_guard`).
"""

import shutil
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from dagster_webserver.webserver import DagsterWebserver

from cryptoassets_tests.webserver.conftest import PAUSE, Page, served

CHROMIUM = shutil.which("chromium")
pytestmark = pytest.mark.skipif(
    CHROMIUM is None, reason="needs a browser: apt-get install chromium (`.ci/run` does it as root)"
)

_MAX_SECONDS = 60

ATTACK = """<!DOCTYPE html><body>working<iframe name="target"></iframe><script>
const dagster = "http://localhost:PORT", body = JSON.stringify({query: "PAUSE"});
const byUrl = dagster + "/graphql?query=" + encodeURIComponent("PAUSE");
const as = type =>
    fetch(dagster + "/graphql", {method: "POST", headers: {"Content-Type": type}, body});
const socket = new Promise(resolve => {
    const ws = new WebSocket("ws://localhost:PORT/graphql", "graphql-ws");
    ws.onclose = ws.onerror = ws.onmessage = resolve;
    ws.onopen = () => ws.send(JSON.stringify({type: "start", id: "1", payload: {query: "PAUSE"}}));
});
const form = document.createElement("form");
Object.assign(form, {action: byUrl, method: "POST", enctype: "text/plain", target: "target"});
document.body.append(form);
form.submit();
const image = new Promise(resolve => {
    const img = new Image();
    img.onload = img.onerror = resolve;
    img.src = byUrl;
});
const framed = new Promise(resolve => document.querySelector("iframe").onload = resolve);
Promise.allSettled([
    as("application/json"), as("text/plain"), fetch(byUrl, {mode: "no-cors"}),
    image, socket, framed,
]).then(() => fetch("/done")).then(() => document.body.innerHTML = "attacked");
fetch("/hold");
</script>"""


@contextmanager
def attacking_site(port: int) -> Iterator[str]:
    """Serve a page, on another site, that attacks Dagster on this port; yield its address."""
    is_done = threading.Event()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            if self.path == "/hold":
                # A pending request stops the browser's virtual clock; a WebSocket does not.
                is_done.wait(_MAX_SECONDS)
            elif self.path == "/done":
                is_done.set()
            self.send_response(200)
            self.send_header("Content-Type", "text/html")
            self.end_headers()
            self.wfile.write(ATTACK.replace("PORT", str(port)).replace("PAUSE", PAUSE).encode())

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - base class's name
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://evil.example:{server.server_address[1]}/"
        server.shutdown()


def browse(address: str, profile: Path) -> str:
    """Open a page in a headless browser and return its HTML after loading has finished."""
    finished = subprocess.run(
        [CHROMIUM or "", "--headless", "--no-sandbox", "--disable-gpu", "--dump-dom",
         "--virtual-time-budget=20000", f"--user-data-dir={profile}",
         "--host-resolver-rules=MAP evil.example 127.0.0.1", address],
        capture_output=True, text=True, check=True, timeout=120,
    )  # fmt: skip
    return finished.stdout


def test_a_page_from_another_origin_cannot_control_dagster(page: Page, tmp_path: Path) -> None:
    """Otherwise any page in the user's browser could launch runs and wipe assets."""
    with attacking_site(page.port) as address:
        assert "attacked" in browse(address, tmp_path)

    assert not page.is_paused()


def test_without_the_guard_the_same_page_controls_dagster(tmp_path: Path) -> None:
    """The attack works without the guard; otherwise the test above would prove nothing."""
    with served(DagsterWebserver, tmp_path) as unguarded, attacking_site(unguarded.port) as address:
        assert "attacked" in browse(address, tmp_path / "profile")

        assert unguarded.is_paused()


def test_dagsters_own_page_works_behind_the_guard(page: Page, tmp_path: Path) -> None:
    """The page loads its content over GraphQL, with the headers that a browser adds."""
    assert "No code locations" in browse(f"http://localhost:{page.port}/", tmp_path)
