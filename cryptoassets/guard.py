"""ASGI middleware that accepts only requests from the page itself, from links and from programs.

What goes here: the guard of every page that has no log-in: Dagster's page, the dashboard, the
metrics. What stays out: deciding which requests are foreign (in `origins`).

Without this guard, Dagster's webserver accepts GraphQL mutations from any web page, even by GET or
as plain text, and any web page can read all events over WebSockets.
"""

from collections.abc import Sequence
from http import HTTPStatus

from starlette.datastructures import Headers
from starlette.middleware import Middleware
from starlette.middleware.trustedhost import TrustedHostMiddleware
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Receive, Scope, Send
from starlette.websockets import WebSocketClose

from cryptoassets.origins import is_from_another_origin


def guards(hosts: Sequence[str]) -> list[Middleware]:
    """Return the middleware that refuses foreign host names, other origins and unsafe requests.

    Args:
        hosts: host names, without port, that are accepted in a request's `Host` header.
    """
    return [
        Middleware(TrustedHostMiddleware, allowed_hosts=hosts, www_redirect=False),
        Middleware(RefuseForeignRequests),
    ]


class RefuseForeignRequests:
    """Refuses requests from other origins, GraphQL not sent as JSON by POST, and asset reports."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Refuse the request or pass it on."""
        check = {"http": _refusal, "websocket": _refusal_of_socket}.get(scope["type"])
        refusal = check(scope) if check else None
        await (refusal or self._app)(scope, receive, send)


def _refusal_of_socket(scope: Scope) -> WebSocketClose | None:
    # If a WebSocket is closed before it is accepted, the browser receives status 403.
    return WebSocketClose() if is_from_another_origin(Headers(scope=scope), "GET") else None


def _refusal(scope: Scope) -> PlainTextResponse | None:
    headers, method = Headers(scope=scope), scope["method"]
    if is_from_another_origin(headers, method):
        return _response(HTTPStatus.FORBIDDEN, "Refused: sent by a page from another origin")
    if scope["path"] == "/graphql":
        return _refusal_of_query(headers, method)
    if scope["path"].startswith("/report_asset_"):
        return _response(HTTPStatus.NOT_FOUND, "Reports about assets are disabled")
    return None


def _refusal_of_query(headers: Headers, method: str) -> PlainTextResponse | None:
    if method != "POST":
        return _response(HTTPStatus.METHOD_NOT_ALLOWED, "GraphQL accepts only POST")
    # A page from another origin must ask to send this type (CORS preflight), which is refused.
    if headers.get("content-type", "").partition(";")[0].strip().lower() != "application/json":
        return _response(HTTPStatus.UNSUPPORTED_MEDIA_TYPE, "GraphQL accepts only application/json")
    return None


def _response(status: HTTPStatus, sentence: str) -> PlainTextResponse:
    return PlainTextResponse(sentence, status)
