"""ASGI middleware that accepts only requests of a page itself and of this platform's programs.

What goes here: the guard of every page that has no log-in: Dagster's, the dashboard, the metrics.
What stays out: which requests are foreign (in `origins`).

Dagster has no log-in. Its webserver accepts mutations from any web page, by GET and as plain text,
and any page can read all events over WebSockets.
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
    """Return the middleware that refuses foreign host names, origins and mutations.

    Args:
        hosts: names, without port, that a request may name.
    """
    return [
        Middleware(TrustedHostMiddleware, allowed_hosts=hosts, www_redirect=False),
        Middleware(RefuseForeignRequests),
    ]


class RefuseForeignRequests:
    """Refuses requests from other origins, GraphQL that is not JSON, and reports about assets."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Refuse the request or pass it on."""
        answer = {"http": _refusal, "websocket": _refusal_of_socket}.get(scope["type"])
        refusal = answer(scope) if answer else None
        await (refusal or self._app)(scope, receive, send)


def _refusal_of_socket(scope: Scope) -> WebSocketClose | None:
    # Closing before accepting gives the browser status 403.
    return WebSocketClose() if is_from_another_origin(Headers(scope=scope), "GET") else None


def _refusal(scope: Scope) -> PlainTextResponse | None:
    headers, method = Headers(scope=scope), scope["method"]
    if is_from_another_origin(headers, method):
        return _answer(HTTPStatus.FORBIDDEN, "Refused: sent by a page of another origin")
    if scope["path"] == "/graphql":
        return _refusal_of_query(headers, method)
    if scope["path"].startswith("/report_asset_"):
        return _answer(HTTPStatus.NOT_FOUND, "Reports about assets are disabled")
    return None


def _refusal_of_query(headers: Headers, method: str) -> PlainTextResponse | None:
    if method != "POST":
        return _answer(HTTPStatus.METHOD_NOT_ALLOWED, "GraphQL accepts only POST")
    # A page of another origin cannot send this type without a preflight request, which is refused.
    if headers.get("content-type", "").partition(";")[0].strip().lower() != "application/json":
        return _answer(HTTPStatus.UNSUPPORTED_MEDIA_TYPE, "GraphQL accepts only application/json")
    return None


def _answer(status: HTTPStatus, sentence: str) -> PlainTextResponse:
    return PlainTextResponse(sentence, status)
