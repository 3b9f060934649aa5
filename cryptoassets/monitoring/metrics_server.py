"""Serves the page `/metrics` to Prometheus, and refuses requests from web pages of other origins.

What goes here: HTTP. What stays out: the metrics (in `metrics`), the log-in to PostgreSQL (in
`analysis`).
"""

import socket
from collections.abc import Callable

import uvicorn
from prometheus_client import CollectorRegistry
from prometheus_client.exposition import choose_encoder
from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from cryptoassets.analysis.connection import connect
from cryptoassets.errors import SettingsError
from cryptoassets.guard import guards
from cryptoassets.monitoring.metrics import WarehouseCollector
from cryptoassets.settings import Settings, load_settings


def metrics_app(settings: Settings) -> Starlette:
    """Return the web application; it connects to PostgreSQL at each scrape."""
    registry = CollectorRegistry()
    registry.register(WarehouseCollector(connect, settings))

    async def metrics(request: Request) -> Response:
        encode, content_type = choose_encoder(request.headers.get("accept", ""))
        return Response(await run_in_threadpool(encode, registry), media_type=content_type)

    return Starlette(
        routes=[Route("/metrics", metrics), Route("/", metrics)],
        middleware=guards(settings.allowed_hosts),
    )


def serve(host: str, port: int, *, announce: Callable[[str], None]) -> None:
    """Serve until SIGTERM or SIGINT.

    Args:
        host: address to listen on.
        port: port to listen on; 0 chooses a free one.
        announce: called with the URL of the page.

    Raises:
        SettingsError: the server cannot listen on this address and port.
    """
    app = metrics_app(load_settings())
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as listening:
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listening.bind((host, port))
        except OSError as error:
            raise SettingsError(
                f"Port {port} on {host} cannot be used ({error.strerror}). Stop the program that "
                "uses it, or choose another port: cryptoassets metrics --port 9465"
            ) from error
        announce(f"http://{host}:{listening.getsockname()[1]}/metrics")
        config = uvicorn.Config(app, log_level="warning", timeout_graceful_shutdown=5)
        uvicorn.Server(config).run(sockets=[listening])
