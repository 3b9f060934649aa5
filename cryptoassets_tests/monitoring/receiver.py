"""A receiver of alerts: a real HTTP server on loopback, for apprise's `json://` addresses."""

import json
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

SECRET = "tok3n-of-the-receiver"


@dataclass
class Receiver:
    """Keeps the messages that it has accepted, in order.

    Attributes:
        status: HTTP status of its responses; it accepts messages only with status 200.
        hangs: its responses never end.
    """

    port: int = 0
    status: int = 200
    hangs: bool = False
    bodies: list[dict[str, str]] = field(default_factory=list)

    @property
    def url(self) -> str:
        """The receiver's address for apprise, with secrets."""
        return f"json://me:{SECRET}@127.0.0.1:{self.port}/{SECRET}"

    def titles(self) -> list[str]:
        """Return the titles received since the last call, without the prefix `cryptoassets: `."""
        titles = [body["title"].removeprefix("cryptoassets: ") for body in self.bodies]
        self.bodies.clear()
        return titles


@contextmanager
def listening() -> Iterator[Receiver]:
    """Run a receiver until the block ends."""
    receiver = Receiver()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            if receiver.status == 200:
                receiver.bodies.append(body)
            while receiver.hangs:
                # Send a byte now and then, so that no time limit for a single read is exceeded.
                with suppress(OSError):
                    self.wfile.write(b"H")
                time.sleep(0.2)
            self.send_response(receiver.status)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            """Print nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        receiver.port = server.server_port
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield receiver
        finally:
            receiver.hangs = False
            server.shutdown()
            thread.join()
