"""The dashboard's web server: Streamlit behind the same request guard as Dagster's page.

What goes here: the server's configuration. What stays out: the pages (in `app`), and deciding which
requests come from another origin (in `origins`).
"""

import gc
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import streamlit as st
from starlette.requests import Request
from starlette.responses import HTMLResponse
from starlette.routing import Route

from cryptoassets.dashboard import charts
from cryptoassets.dashboard.views import VIEWS
from cryptoassets.guard import guards
from cryptoassets.settings import load_settings

_SCRIPT = Path(__file__).with_name("app.py")
ICON = Path(__file__).with_name("icon.svg")
_INDEX = Path(st.__file__).parent / "static" / "index.html"
# Without these tags, a browser that opens /coin would first look for the server below /coin, and
# its console would show errors.
_SERVER_IS_AT_ROOT = (
    '<head><base href="/"><script>'
    'window.__streamlit = {BACKEND_BASE_URL: location.origin + "/"};</script>'
)
_PATHS = ("/", *(f"/{title.lower()}" for title in list(VIEWS)[1:]))


def serve(host: str, port: int) -> None:
    """Serve until SIGTERM or SIGINT."""
    hosts = load_settings().allowed_hosts
    app = st.App(
        _SCRIPT,
        routes=[Route(path, _index) for path in _PATHS],
        middleware=guards(hosts),
        lifespan=_preload_modules,
    )
    app.run(
        config={
            "server.address": host,
            "server.port": port,
            "server.headless": True,
            "server.showEmailPrompt": False,
            "server.fileWatcherType": "none",
            "server.allowedHosts": list(hosts),
            "server.maxUploadSize": 1,
            "browser.gatherUsageStats": False,
            "browser.serverAddress": "localhost",
            "client.toolbarMode": "viewer",
            "client.showErrorDetails": "none",
            "client.showErrorLinks": False,
            "theme.light.primaryColor": "#2563eb",
            "theme.light.backgroundColor": "#ffffff",
            "theme.dark.primaryColor": "#4f8ef7",
            "theme.dark.backgroundColor": "#15171c",
            "theme.dark.secondaryBackgroundColor": "#232730",
            "logger.level": "error",
            "logger.hideWelcomeMessage": True,
        }
    )


@asynccontextmanager
async def _preload_modules(_app: object) -> AsyncIterator[None]:
    """Draw an empty chart before the first reader arrives: loading chart modules takes a second.

    Streamlit collects garbage after each script run. Everything loaded so far is frozen, so that
    the collector does not search it each time.
    """
    st.set_page_config(page_icon=str(ICON))
    charts.show([])
    gc.collect()
    gc.freeze()
    yield


async def _index(_request: Request) -> HTMLResponse:
    page = _INDEX.read_text(encoding="utf-8").replace("<head>", _SERVER_IS_AT_ROOT, 1)
    return HTMLResponse(page, headers={"Cache-Control": "no-cache"})
