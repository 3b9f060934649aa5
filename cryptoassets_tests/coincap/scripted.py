"""A server that answers with whatever a test says, over real HTTP.

What goes here: the server and its answers. What stays out: the simulator's own faults (in
`coincap_server.faults`), which spoil good answers.
"""

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from cryptoassets.coincap_server.exchange import Request, Wire
from cryptoassets.coincap_server.server import make_server

HTML = {"Content-Type": "text/html; charset=UTF-8", "Server": "cloudflare"}


def json_answer(status: int, body: Any, **headers: str) -> Wire:
    """Return an answer of JSON; a text is sent as it is."""
    text = body if isinstance(body, str) else json.dumps(body)
    return Wire(status, text.encode(), {"Content-Type": "application/json", **headers})


def page_answer(status: int, title: str, words: str = "") -> Wire:
    """Return a web page, as something in front of CoinCap sends it."""
    page = f"<!DOCTYPE html><html><head><title>{title}</title></head><body>{words}</body></html>"
    return Wire(status, page.encode(), HTML)


@dataclass
class Script:
    """What the server answers; change it while it runs.

    Attributes:
        answer: request to answer.
        calls: how many requests it got.
    """

    answering: Callable[[Request], Wire]
    calls: int = 0

    def answer(self, request: Request) -> Wire:
        """Answer one request."""
        self.calls += 1
        return self.answering(request)


@contextmanager
def scripted_source(answering: Callable[[Request], Wire]) -> Iterator[tuple[str, Script]]:
    """Serve a script; gives the URL and the script."""
    script = Script(answering)
    with make_server(script) as server:
        yield server.url, script
