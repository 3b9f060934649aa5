"""The web server of the dashboard: Streamlit behind the same guard as Dagster's page.

What goes here: the server's configuration. What stays out: the pages (in `app`), which requests are
foreign (in `origins`).
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
# Without these tags, the browser of a reader who opens /coin would look for the server below /coin
# at first, and its console would show errors.
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
        lifespan=_with_modules,
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
async def _with_modules(_app: object) -> AsyncIterator[None]:
    """Draw once before the first reader comes, because the first draw loads modules for a second.

    Streamlit collects garbage after each script, and need not search what was loaded before.
    """
    st.set_page_config(page_icon=str(ICON))
    charts.show([])
    gc.collect()
    gc.freeze()
    yield


async def _index(_request: Request) -> HTMLResponse:
    page = _INDEX.read_text(encoding="utf-8").replace("<head>", _SERVER_IS_AT_ROOT, 1)
    return HTMLResponse(page, headers={"Cache-Control": "no-cache"})
