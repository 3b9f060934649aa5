"""A headless Chromium that tests control through its debugging protocol.

What goes here: opening pages, waiting for texts, taking screenshots, and reading the console. What
stays out: what the pages must show (in the tests). Chromium's option `--virtual-time-budget` cannot
replace the waiting: it ignores WebSockets, through which Streamlit sends its pages.
"""

import base64
import itertools
import json
import shutil
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Literal

import requests
from websockets.sync.client import ClientConnection, connect

from cryptoassets.embedded.processes import free_port

CHROMIUM = shutil.which("chromium")
WIDTHS = {"screen": 1280, "phone": 390}
_HEIGHT = 900
_MAX_SECONDS = 30.0
_PROBLEMS = {"error", "assert", "warning"}
_IS_IDLE = """!document.querySelector('[data-testid="stStatusWidget"]') &&
[...document.querySelectorAll('[data-testid="stPlotlyChart"]')].every(
    chart => chart.querySelector('.main-svg')
)"""
_IS_WHOLE = """!document.querySelector('[data-testid="stSkeleton"]')"""
Scheme = Literal["light", "dark"]


class Tab:
    """One tab of the browser."""

    def __init__(self, socket: ClientConnection) -> None:
        self._socket = socket
        self._numbers = itertools.count(1)
        self.problems: list[str] = []
        """Errors and warnings in the console, exceptions, and requests to other hosts."""
        for domain in ("Page", "Runtime", "Log", "Network"):
            self.call(f"{domain}.enable")
        self.call("Performance.enable", timeDomain="threadTicks")

    def call(self, method: str, **parameters: Any) -> dict[str, Any]:
        """Send a command and return its result."""
        number = next(self._numbers)
        self._socket.send(json.dumps({"id": number, "method": method, "params": parameters}))
        while True:
            message = json.loads(self._socket.recv(timeout=_MAX_SECONDS))
            if message.get("id") == number:
                assert "error" not in message, f"{method}: {message['error']}"
                result: dict[str, Any] = message["result"]
                return result
            self._note(message.get("method"), message.get("params", {}))

    def _note(self, event: str | None, facts: dict[str, Any]) -> None:
        if event == "Runtime.exceptionThrown":
            details = facts["exceptionDetails"]
            self.problems.append(details.get("exception", {}).get("description", details["text"]))
        elif event == "Runtime.consoleAPICalled" and facts["type"] in _PROBLEMS:
            self.problems.append(" ".join(str(one.get("value", one)) for one in facts["args"]))
        elif event == "Log.entryAdded" and facts["entry"]["level"] == "error":
            self.problems.append(f"{facts['entry']['text']} {facts['entry'].get('url', '')}")
        elif event == "Network.requestWillBeSent":
            url = facts["request"]["url"]
            if not url.startswith(("http://localhost:", "http://127.0.0.1:", "data:", "blob:")):
                self.problems.append(f"request to {url}")

    def set_window(self, width: int, scheme: Scheme) -> None:
        """Set the width of the window and the preferred colour scheme."""
        self.call(
            "Emulation.setDeviceMetricsOverride",
            width=width, height=_HEIGHT, deviceScaleFactor=1, mobile=width < 600,
        )  # fmt: skip
        features = [{"name": "prefers-color-scheme", "value": scheme}]
        self.call("Emulation.setEmulatedMedia", features=features)

    def open(self, url: str, *texts: str) -> float:
        """Open a page and wait as `wait_for` does; return how many seconds this took."""
        start = time.monotonic()
        self.call("Page.navigate", url=url)
        self.wait_for(*texts)
        return time.monotonic() - start

    def wait_for(self, *texts: str) -> None:
        """Wait until the page shows all texts, its script has ended and its charts are drawn."""
        self.wait_until(
            lambda shown: all(text in shown for text in texts) and self.value(_IS_IDLE),
            f"{texts} and an idle page",
        )

    def wait_until(
        self, is_ready: Callable[[str], bool], wanted: str, seconds: float = _MAX_SECONDS
    ) -> None:
        """Wait until a condition on the page's text holds.

        Args:
            is_ready: the condition.
            wanted: noun phrase for what is missing if the condition does not hold.
            seconds: longest time to wait.
        """
        deadline = time.monotonic() + seconds
        while not is_ready(shown := str(self.value("document.body?.innerText || ''"))):
            assert time.monotonic() < deadline, f"no {wanted} within {seconds:.0f} s: {shown}"
            time.sleep(0.05)

    def click(self, text: str) -> None:
        """Click the innermost visible element with exactly this text."""
        place = (
            "(() => { const found = [...document.querySelectorAll('button, a, span, div')].filter("
            f"one => one.offsetParent && one.innerText.trim() === {json.dumps(text)}).pop();"
            "const box = found?.getBoundingClientRect();"
            "return box && [box.x + box.width / 2, box.y + box.height / 2]; })()"
        )
        x, y = self.value(place)
        for event in ("mousePressed", "mouseReleased"):
            self.call("Input.dispatchMouseEvent", type=event, x=x, y=y, button="left", clickCount=1)

    def value(self, expression: str) -> Any:
        """Evaluate JavaScript in the page."""
        found = self.call("Runtime.evaluate", expression=expression, returnByValue=True)
        return found["result"].get("value")

    def metric(self, label: str) -> str:
        """Return the number that is shown below a label."""
        return str(self.value("document.body.innerText").split(f"{label}\n\n")[1].split("\n")[0])

    def processor_seconds(self) -> float:
        """Return the processor time that the page's scripts, layout and drawing have used."""
        metrics = self.call("Performance.getMetrics")["metrics"]
        return float(next(one["value"] for one in metrics if one["name"] == "TaskDuration"))

    def picture(self, file: Path) -> None:
        """Save a screenshot of the whole page, once no element is a placeholder any more."""
        self.wait_until(lambda _shown: self.value(_IS_WHOLE), "page without placeholders")
        height = self.value(
            "Math.max(...['stMain', 'stMainBlockContainer'].map("
            "name => document.querySelector(`[data-testid=${name}]`)?.scrollHeight || 0))"
        )
        width = int(self.value("window.innerWidth"))
        self.call(
            "Emulation.setDeviceMetricsOverride",
            width=width, height=max(_HEIGHT, int(height) + 60), deviceScaleFactor=1, mobile=False,
        )  # fmt: skip
        time.sleep(0.6)
        data = self.call("Page.captureScreenshot", format="png")["data"]
        file.write_bytes(base64.b64decode(data))


@contextmanager
def browser(profile: Path) -> Iterator[Tab]:
    """Start a browser with one empty tab."""
    port = free_port()
    process = subprocess.Popen(
        [CHROMIUM or "", "--headless", "--no-sandbox", "--disable-gpu", "--hide-scrollbars",
         "--force-prefers-reduced-motion", "--disable-component-update", "--no-first-run",
         "--disable-background-networking", f"--remote-debugging-port={port}",
         f"--user-data-dir={profile}", "about:blank"],
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    try:
        with connect(_address(port), max_size=None) as socket:
            yield Tab(socket)
    finally:
        process.terminate()
        process.wait(20)


def _address(port: int) -> str:
    deadline = time.monotonic() + _MAX_SECONDS
    while True:
        try:
            tabs = requests.get(f"http://127.0.0.1:{port}/json", timeout=5).json()
        except requests.ConnectionError:
            tabs = []
        for tab in tabs:
            if tab["type"] == "page":
                return str(tab["webSocketDebuggerUrl"])
        assert time.monotonic() < deadline, "the browser did not start"
        time.sleep(0.1)
