"""Serves a CoinCap-compatible source over HTTP.

What goes here: bytes, threads and ports. What stays out: the responses (in `service`), serving
until a signal is received (in `sources`).
"""

import gzip
import os
import socket
import struct
import threading
from contextlib import suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any, Protocol, Self
from urllib.parse import parse_qsl, unquote, urlsplit

from cryptoassets.coincap_server.exchange import HttpResponse, Request
from cryptoassets.errors import SettingsError

_IDLE_SECONDS = 60
_MAX_REQUEST_BYTES = 16 * 1024 * 1024
_WORTH_COMPRESSING_BYTES = 1000


class App(Protocol):
    """Answers requests; called from many threads."""

    def answer(self, request: Request) -> HttpResponse:
        """Answer one request."""


class SourceServer:
    """A running server; use it as a context manager, or `close` it.

    Attributes:
        url: base URL, `http://127.0.0.1:<port>`; all paths are also served below `/v3`.
    """

    def __init__(self, server: "_Server") -> None:
        self._server = server
        host, port = server.server_address[:2]
        self.url = f"http://{host!s}:{port}"
        self._thread = threading.Thread(
            target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True
        )
        self._thread.start()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        _kind: type[BaseException] | None,
        _error: BaseException | None,
        _trace: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """Stop listening and close open connections."""
        self._server.is_closing.set()
        self._server.shutdown()
        self._server.server_close()
        self._server.cut_connections()
        self._thread.join()


def make_server(app: App, port: int = 0, host: str = "127.0.0.1") -> SourceServer:
    """Start serving in a thread.

    Args:
        app: answers the requests, e.g. `sources.simulated_source()`.
        port: 0 chooses a free port.
        host: address to listen on; loopback unless in a container.

    Raises:
        SettingsError: the port cannot be used.
    """
    try:
        return SourceServer(_Server((host, port), app))
    except (OSError, OverflowError) as error:
        raise SettingsError(
            f"Port {port} of {host} cannot be used for the source ({error}). A retry will not "
            "help while another program uses it; choose another port with --port"
        ) from error


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False
    request_queue_size = 128

    def __init__(self, address: tuple[str, int], app: App) -> None:
        self.app = app
        self.is_closing = threading.Event()
        self._connections: set[socket.socket] = set()
        self._lock = threading.Lock()
        super().__init__(address, _Handler)

    def process_request(self, request: Any, client_address: Any) -> None:
        """Register the connection, then answer it in a thread."""
        with self._lock:
            self._connections.add(request)
        super().process_request(request, client_address)

    def shutdown_request(self, request: Any) -> None:
        """Unregister the connection and close it."""
        with self._lock:
            self._connections.discard(request)
        super().shutdown_request(request)

    def cut_connections(self) -> None:
        """Close connections that keep-alive would leave open after the server has stopped."""
        with self._lock:
            connections = tuple(self._connections)
        for connection in connections:
            with suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)

    def handle_error(self, request: object, client_address: object) -> None:
        """Log nothing: clients that close a connection early are normal, e.g. at a deadline."""


class _Handler(BaseHTTPRequestHandler):
    server: _Server
    protocol_version = "HTTP/1.1"
    timeout = _IDLE_SECONDS
    wbufsize = -1  # headers and body in one packet
    disable_nagle_algorithm = True
    server_version = "cryptoassets"
    sys_version = ""

    def do_GET(self) -> None:
        """Answer a GET."""
        self._send(self.server.app.answer(self._request()))

    do_PUT = do_DELETE = do_POST = do_GET  # noqa: N815 - names given by http.server

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - http.server's name
        """Log nothing: a request line may contain a key."""

    def _request(self) -> Request:
        parts = urlsplit(self.path)
        length = min(int(self.headers.get("Content-Length") or 0), _MAX_REQUEST_BYTES)
        return Request(
            self.command,
            unquote(parts.path).rstrip("/") or "/",
            dict(parse_qsl(parts.query, keep_blank_values=True)),
            {name.lower(): value for name, value in self.headers.items()},
            self.rfile.read(length) if length else b"",
        )

    def _send(self, wire: HttpResponse) -> None:
        if wire.transfer_fault == "reset":
            self._reset()
            return
        body, headers = wire.body, dict(wire.headers)
        is_gzip_asked = "gzip" in self.headers.get("Accept-Encoding", "")
        is_cut = wire.transfer_fault == "truncated_gzip"
        if is_cut or (is_gzip_asked and len(body) > _WORTH_COMPRESSING_BYTES):
            body = gzip.compress(body, compresslevel=1)
            headers["Content-Encoding"] = "gzip"
        body = body[: len(body) // 2] if is_cut else body
        stated_length = 2 * len(body) if wire.transfer_fault == "bad_length" else len(body)
        self.send_response(wire.status)
        self.send_header("Content-Length", str(stated_length))
        for name, value in ({"Content-Type": "application/json; charset=utf-8"} | headers).items():
            self.send_header(name, value)
        self.end_headers()
        self.close_connection = self.close_connection or wire.transfer_fault is not None
        if wire.transfer_fault == "slow":
            self._send_slowly(body)
        else:
            self.wfile.write(body)

    def _send_slowly(self, body: bytes) -> None:
        for index in range(len(body)):
            self.wfile.write(body[index : index + 1])
            self.wfile.flush()
            if self.server.is_closing.wait(1.0):
                return

    def _reset(self) -> None:
        # With SO_LINGER of 0 s the kernel sends RST instead of FIN.
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.close_connection = True
        os.close(self.connection.detach())
