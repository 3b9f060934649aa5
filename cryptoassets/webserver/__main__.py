"""Serve Dagster's page: `python -m cryptoassets.webserver --workspace workspace.yaml`.

What goes here: what the command `dagster-webserver` does, plus the guards. What stays out: the
guards themselves (in `guard`).
"""

import argparse
import logging
from typing import Any

import uvicorn
from dagster import __version__ as dagster_version
from dagster._core.workspace.context import WorkspaceProcessContext
from dagster._core.workspace.load_target import WorkspaceFileTarget
from dagster._utils.log import configure_loggers
from dagster_webserver.webserver import DagsterWebserver
from starlette.middleware import Middleware

from cryptoassets.embedded import dagster_instance
from cryptoassets.guard import guards
from cryptoassets.settings import load_settings

_POLL_MS = 2000
_SHUTDOWN_SECONDS = 10
"""How long a stopping server waits for its connections: open pages never close theirs."""


class GuardedWebserver(DagsterWebserver[Any, Any]):
    """Dagster's webserver, which refuses requests from web pages of other origins."""

    def build_middleware(self) -> list[Middleware]:
        """Put the guards before Dagster's own middleware."""
        return [*guards(load_settings().allowed_hosts), *super().build_middleware()]


def serve(host: str, port: int, workspace: str) -> None:
    """Serve until SIGTERM or SIGINT."""
    configure_loggers(log_level="INFO")
    with (
        dagster_instance() as instance,
        WorkspaceProcessContext(
            instance,
            workspace_load_target=WorkspaceFileTarget([workspace]),
            version=dagster_version,
        ) as context,
    ):
        app = GuardedWebserver(context, live_data_poll_rate=_POLL_MS).create_asgi_app()
        logging.getLogger("dagster").info("Serving Dagster's page on http://%s:%s", host, port)
        uvicorn.run(
            app,
            host=host,
            port=port,
            log_level="warning",
            timeout_graceful_shutdown=_SHUTDOWN_SECONDS,
        )


def main() -> None:
    """Read the options and serve."""
    parser = argparse.ArgumentParser(prog="python -m cryptoassets.webserver")
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=3000)
    parser.add_argument("--workspace", default="workspace.yaml")
    serve(**vars(parser.parse_args()))


if __name__ == "__main__":
    main()
