"""ASGI middleware that refuses requests that neither Dagster's own page nor this platform sends.

Dagster has no log-in. Its own webserver accepts mutations from any web page, by GET and as plain
text, and lets any page read every event over WebSockets. What stays out: foreign host names
(Starlette's TrustedHostMiddleware refuses them).
"""

from http import HTTPStatus

from starlette.datastructures import Headers
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Receive, Scope, Send
from starlette.websockets import WebSocketClose

from cryptoassets.origins import is_from_another_origin


class RefuseForeignRequests:
    """Refuses requests from other origins, GraphQL in any form but JSON, and external reports."""

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
        return _answer(HTTPStatus.NOT_FOUND, "Reports of assets from outside are off")
    return None


def _refusal_of_query(headers: Headers, method: str) -> PlainTextResponse | None:
    if method != "POST":
        return _answer(HTTPStatus.METHOD_NOT_ALLOWED, "GraphQL takes POST only")
    # A page of another origin cannot send this type without a preflight request, which is refused.
    if headers.get("content-type", "").partition(";")[0].strip().lower() != "application/json":
        return _answer(HTTPStatus.UNSUPPORTED_MEDIA_TYPE, "GraphQL takes application/json only")
    return None


def _answer(status: HTTPStatus, sentence: str) -> PlainTextResponse:
    return PlainTextResponse(sentence, status)
