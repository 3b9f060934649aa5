"""The source of the data: the server at COINCAP_URL, or the CoinCap simulator that we run.

What goes here: asking a server which source it serves, and running the simulator as a process. What
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
    """The simulator as a separate process; it stores no data."""

    name = "source"
    title = "The CoinCap simulator"

    @property
    def folder(self) -> Path:
        """An empty folder; its path in the command line identifies the process."""
        return self.source_home / "source"

    @property
    def kind(self) -> str:
        """The program's name, which shows that its prices are invented."""
        return "CoinCap simulator (invented prices)"

    def url(self, port: int) -> str:
        """Return the base URL."""
        return f"http://{processes.LOOPBACK}:{port}"

    def is_ready(self, pid: int, port: int) -> bool:  # noqa: ARG002 -- HTTP needs no pid
        """Return whether the simulator answers."""
        return (
            processes.is_listening(port)
            and source_header_of(f"{self.url(port)}/health") is not None
        )

    def prepare(self) -> None:
        """Create the folder."""
        self.folder.mkdir(exist_ok=True)

    def launch(self, port: int) -> "subprocess.Popen[bytes]":
        """Start the server."""
        module = "cryptoassets.coincap_server"
        return processes.start_detached(
            [sys.executable, "-P", "-m", module, str(self.folder), str(port)],
            log=self.log,
            environment={"PATH": "/usr/bin:/bin", "LC_ALL": environment.UTF8_LOCALE, "HOME": "/"},
        )


def ask_source(url: str, responses_file: Path) -> SourceKind:
    """Ask the server at `url` which source it serves; if the server is down, use its last response.

    Args:
        url: COINCAP_URL.
        responses_file: JSON file with the last response per URL; need not exist.

    Raises:
        SourceUnavailableError: the server does not answer, and it has never answered.
    """
    responses = _read_responses(responses_file)
    header = source_header_of(f"{url.rstrip('/')}/health")
    if header is None:
        if url in responses:
            return responses[url]
        raise SourceUnavailableError(
            f"The source at COINCAP_URL ({url}) does not answer, so it is unknown whose data it "
            "serves. Start it, or correct COINCAP_URL, then try again"
        )
    kind = source_named(header)
    if responses.get(url) != kind:
        responses_file.parent.mkdir(parents=True, exist_ok=True)
        responses_file.write_text(json.dumps(responses | {url: kind}, indent=1))
    return kind


def source_header_of(url: str) -> str | None:
    """Return the source header of the response, empty if it has none; None: no response."""
    try:
        with _opener(url).open(url, timeout=ASK_SECONDS) as response:
            return str(response.headers.get(SOURCE_HEADER, ""))
    except urllib.error.HTTPError as error:
        with error:
            return str(error.headers.get(SOURCE_HEADER, ""))
    except (OSError, http.client.HTTPException):
        return None


def _opener(url: str) -> urllib.request.OpenerDirector:
    # A company's proxy cannot reach our loopback interface.
    if f"//{processes.LOOPBACK}:" in url or "//localhost" in url:
        return urllib.request.build_opener(urllib.request.ProxyHandler({}))
    if not url.startswith("https:"):
        return urllib.request.build_opener()
    from requests.utils import DEFAULT_CA_BUNDLE_PATH  # noqa: PLC0415 -- heavy, and simulators use HTTP

    # Trust the same certificates as the CoinCap client does; SSL_CERT_FILE is ignored.
    trusted = environment.certificates() or Path(DEFAULT_CA_BUNDLE_PATH)
    context = ssl.create_default_context(
        cafile=None if trusted.is_dir() else trusted, capath=trusted if trusted.is_dir() else None
    )
    return urllib.request.build_opener(urllib.request.HTTPSHandler(context=context))


def _read_responses(file: Path) -> dict[str, SourceKind]:
    try:
        return dict(json.loads(file.read_text()))
    except (OSError, ValueError):
        return {}
