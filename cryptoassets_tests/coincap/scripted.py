"""A real HTTP server that sends the responses that a test defines.

What goes here: the server and its responses. What stays out: the simulator's own faults (in
`coincap_server.faults`), which modify correct responses.
"""

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from cryptoassets.coincap_server.exchange import HttpResponse, Request
from cryptoassets.coincap_server.server import make_server

HTML = {"Content-Type": "text/html; charset=UTF-8", "Server": "cloudflare"}


def json_response(status: int, body: Any, **headers: str) -> HttpResponse:
    """Return a JSON response; a string is sent unchanged."""
    text = body if isinstance(body, str) else json.dumps(body)
    return HttpResponse(status, text.encode(), {"Content-Type": "application/json", **headers})


def page_response(status: int, title: str, words: str = "") -> HttpResponse:
    """Return a web page like one from a proxy in front of CoinCap."""
    page = f"<!DOCTYPE html><html><head><title>{title}</title></head><body>{words}</body></html>"
    return HttpResponse(status, page.encode(), HTML)


@dataclass
class Script:
    """Computes the server's responses; a test may replace `answering` while the server runs.

    Attributes:
        answering: maps a request to its response.
        calls: number of requests received.
    """

    answering: Callable[[Request], HttpResponse]
    calls: int = 0

    def answer(self, request: Request) -> HttpResponse:
        """Answer one request."""
        self.calls += 1
        return self.answering(request)


@contextmanager
def scripted_source(answering: Callable[[Request], HttpResponse]) -> Iterator[tuple[str, Script]]:
    """Run a server that sends these responses; yield its URL and its script."""
    script = Script(answering)
    with make_server(script) as server:
        yield server.url, script
