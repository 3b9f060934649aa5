"""What simulator and replay share: `/v3`, the key, `/health`, faults on demand, call counts.

What goes here: everything between HTTP (in `server`) and the content (in `simulator` and
`replay`). What stays out: prices.

    GET    /health   200 and the kind of source; needs no key
    GET    /calls    {"calls": {route: n}, "credits": {route: n}} as CoinCap would count them
    GET    /faults   the current rules (see `faults`). PUT replaces them (application/json), DELETE
                     clears them. PUT and DELETE are accepted only on a loopback host name, and not
                     from a web page from another origin
"""

import json
import threading
from collections import Counter
from collections.abc import Callable
from datetime import UTC, datetime
from http import HTTPStatus
from typing import Any, Protocol

from cryptoassets.coincap.credits import counted_credits
from cryptoassets.coincap.protocol import (
    ASSETS_ROUTE,
    HISTORY_ROUTE,
    RATES_ROUTE,
    SOURCE_HEADER,
    epoch_ms,
)
from cryptoassets.coincap_server.exchange import HttpResponse, Reply, Request, error_reply
from cryptoassets.coincap_server.faults import Faults, InvalidFaultError
from cryptoassets.origins import LOOPBACK_HOSTS, host_name, is_from_another_origin
from cryptoassets.settings import SourceKind

COIN_ROUTE = "/assets/{slug}"


class Content(Protocol):
    """The responses of one kind of source, as of a given time."""

    source: SourceKind

    def reply(self, request: Request, now_ms: int) -> Reply:
        """Return the response to a GET request.

        Args:
            request: the request as sent, but its path without `/v3`.
            now_ms: the time as of which data is returned, ms since 1970.
        """


class Service:
    """A CoinCap-compatible source behind any HTTP server."""

    def __init__(
        self,
        content: Content,
        *,
        api_key: str | None = None,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._content = content
        self._api_key = api_key
        self._now = now
        self._faults = Faults()
        self._lock = threading.Lock()
        self._calls: Counter[str] = Counter()
        self._credits: Counter[str] = Counter()

    def answer(self, request: Request) -> HttpResponse:
        """Answer one request; every response names its source in a header."""
        request = request.without_prefix("/v3")
        wire = self._own_response(request) or self._metered_response(request)
        return wire.with_header(SOURCE_HEADER, self._content.source)

    def _own_response(self, request: Request) -> HttpResponse | None:
        """Answer the routes that CoinCap does not have; None for CoinCap's routes."""
        if request.path == "/health":
            return _json_wire({"status": "ok", "source": self._content.source})
        if request.path == "/calls":
            with self._lock:
                return _json_wire({"calls": dict(self._calls), "credits": dict(self._credits)})
        if request.path == "/faults":
            return self._fault_response(request)
        return None

    def _fault_response(self, request: Request) -> HttpResponse:
        refusal = _refusal_of_change(request) if request.method != "GET" else None
        if refusal is not None:
            return refusal
        try:
            if request.method == "PUT":
                self._faults.replace(json.loads(request.body), self._now_ms())
            elif request.method == "DELETE":
                self._faults.replace([], self._now_ms())
        except (ValueError, InvalidFaultError) as error:
            return _json_wire({"error": str(error)}, HTTPStatus.BAD_REQUEST)
        return _json_wire(self._faults.rules())

    def _metered_response(self, request: Request) -> HttpResponse:
        route = route_of(request.path)
        rule = self._faults.take(request.path, route)
        wire = self._refusal(request)
        if wire is None:
            now_ms = self._now_ms()
            if rule is None:
                wire = self._content.reply(request, now_ms).wire()
            else:
                wire = rule.apply(request, now_ms, self._content.reply)
        with self._lock:
            self._calls[route] += 1
            self._credits[route] += counted_credits(len(wire.body)) if not wire.is_reset else 1
        return wire

    def _refusal(self, request: Request) -> HttpResponse | None:
        if request.method != "GET":
            return error_reply(HTTPStatus.METHOD_NOT_ALLOWED, "Only GET", self._now_ms()).wire()
        sent = request.headers.get("authorization", "")
        if self._api_key and sent != f"Bearer {self._api_key}":
            return error_reply(HTTPStatus.UNAUTHORIZED, "Invalid API key", self._now_ms()).wire()
        return None

    def _now_ms(self) -> int:
        return epoch_ms(self._now())


def route_of(path: str) -> str:
    """Return the route of a path, with `{slug}` for the coin."""
    parts = path.strip("/").split("/")
    match parts:
        case ["assets", _]:
            return COIN_ROUTE
        case ["assets", _, "history"]:
            return HISTORY_ROUTE
        case ["assets"]:
            return ASSETS_ROUTE
        case ["rates"]:
            return RATES_ROUTE
    return path


def _refusal_of_change(request: Request) -> HttpResponse | None:
    """Refuse requests that a web page could send, because the simulator needs no key."""
    headers = request.headers
    is_foreign_host = host_name(headers) not in LOOPBACK_HOSTS
    if is_foreign_host or is_from_another_origin(headers, request.method):
        message = (
            "Refused: a web page from another origin cannot change faults; send the request from "
            "this machine"
        )
        return _json_wire({"error": message}, HTTPStatus.FORBIDDEN)
    content_type = headers.get("content-type", "").partition(";")[0].strip().lower()
    if request.method == "PUT" and content_type != "application/json":
        message = "Send faults with the header Content-Type: application/json"
        return _json_wire({"error": message}, HTTPStatus.UNSUPPORTED_MEDIA_TYPE)
    return None


def _json_wire(content: Any, status: int = HTTPStatus.OK) -> HttpResponse:
    return HttpResponse(status, json.dumps(content).encode())
