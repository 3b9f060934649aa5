"""The source: whose it is, and our own CoinCap-compatible server when the settings name none.

What goes here: asking a server which source it is, and running the simulator as a process. What
stays out: the simulator itself (in `coincap_server`) and the client (in `coincap`).
"""

import http.client
import json
import ssl
import subprocess
import sys
import urllib.error
import urllib.request
from pathlib import Path

from cryptoassets import environment
from cryptoassets.coincap.protocol import SOURCE_HEADER, source_named
from cryptoassets.embedded import processes
from cryptoassets.embedded.server import EmbeddedServer
from cryptoassets.errors import SourceUnavailableError
from cryptoassets.settings import SourceKind

ASK_SECONDS = 5.0


class SimulatorServer(EmbeddedServer):
    """The simulator, a process of its own; it keeps no data."""

    name = "source"
    title = "The simulator of CoinCap"

    @property
    def folder(self) -> Path:
        """Empty, but it stands in the command line."""
        return self.set_home / "source"

    @property
    def kind(self) -> str:
        """Say that its prices are invented."""
        return "CoinCap simulator (invented prices)"

    def url(self, port: int) -> str:
        """Return the base URL."""
        return f"http://{processes.LOOPBACK}:{port}"

    def is_ready(self, pid: int, port: int) -> bool:  # noqa: ARG002 -- HTTP knows no pid
        """Tell whether it answers."""
        return processes.is_listening(port) and answer_of(f"{self.url(port)}/health") is not None

    def prepare(self) -> None:
        """Make the folder."""
        self.folder.mkdir(exist_ok=True)

    def launch(self, port: int) -> "subprocess.Popen[bytes]":
        """Start the server."""
        module = "cryptoassets.coincap_server"
        return processes.start_detached(
            [sys.executable, "-P", "-m", module, str(self.folder), str(port)],
            log=self.log,
            environment={"PATH": "/usr/bin:/bin", "LC_ALL": "C.UTF-8", "HOME": "/"},
        )


def ask_source(url: str, remembered: Path) -> SourceKind:
    """Ask the server at `url` which source it serves; the answer is kept for when it is down.

    Args:
        url: COINCAP_URL.
        remembered: JSON file of earlier answers by URL; need not exist.

    Raises:
        SourceUnavailableError: no answer, now or earlier.
    """
    answers = _read_answers(remembered)
    header = answer_of(f"{url.rstrip('/')}/health")
    if header is None:
        if url in answers:
            return answers[url]
        raise SourceUnavailableError(
            f"The source at COINCAP_URL ({url}) does not answer, so nobody knows whose data it "
            "serves. Start it, or correct COINCAP_URL, then try again"
        )
    kind = source_named(header)
    if answers.get(url) != kind:
        remembered.parent.mkdir(parents=True, exist_ok=True)
        remembered.write_text(json.dumps(answers | {url: kind}, indent=1))
    return kind


def answer_of(url: str) -> str | None:
    """Return the source header of a server that answers at all (empty: none); None: no answer."""
    try:
        with _opener(url).open(url, timeout=ASK_SECONDS) as response:
            return str(response.headers.get(SOURCE_HEADER, ""))
    except urllib.error.HTTPError as error:
        with error:
            return str(error.headers.get(SOURCE_HEADER, ""))
    except (OSError, http.client.HTTPException):
        return None


def _opener(url: str) -> urllib.request.OpenerDirector:
    # A proxy of the company cannot reach our loopback.
    if f"//{processes.LOOPBACK}:" in url or "//localhost" in url:
        return urllib.request.build_opener(urllib.request.ProxyHandler({}))
    if not url.startswith("https:"):
        return urllib.request.build_opener()
    from requests.utils import DEFAULT_CA_BUNDLE_PATH  # noqa: PLC0415 -- heavy, and simulators speak HTTP

    # The certificates that the client trusts, whatever SSL_CERT_FILE says.
    trusted = environment.certificates() or Path(DEFAULT_CA_BUNDLE_PATH)
    context = ssl.create_default_context(
        cafile=None if trusted.is_dir() else trusted, capath=trusted if trusted.is_dir() else None
    )
    return urllib.request.build_opener(urllib.request.HTTPSHandler(context=context))


def _read_answers(file: Path) -> dict[str, SourceKind]:
    try:
        return dict(json.loads(file.read_text()))
    except (OSError, ValueError):
        return {}
