"""The script that Streamlit runs for each reader: the frame around every page.

What goes here: title, navigation, the reader's choices, and what an error looks like. What stays
out: the pages (in `views`), the server (in `server`).
"""

from collections.abc import Callable
from functools import partial

import streamlit as st
from psycopg.errors import UndefinedColumn, UndefinedFunction, UndefinedTable

from cryptoassets.dashboard.reader import Reader, choose_reader, show_banner
from cryptoassets.dashboard.server import ICON
from cryptoassets.dashboard.views import VIEWS
from cryptoassets.errors import (
    AnalystLoginError,
    CryptoassetsError,
    QueryError,
    StoreNotRunningError,
    UpstreamNotMaterializedError,
)

_STYLE = """<style>
.block-container {padding-top: 4.5rem; padding-bottom: 3rem; max-width: 1240px;}
@media (max-width: 640px) {.block-container {padding-left: 1rem; padding-right: 1rem;}}
.block-container h2 {font-size: 1.7rem; padding-bottom: 0;}
.block-container h3 {font-size: 1.15rem; padding-bottom: 0.2rem;}
@media (max-width: 640px) {
  [data-testid="stColumn"]:has([data-testid="stMetric"]) {flex: 1 1 40%; min-width: 40%;}
}
[data-testid="stMetricValue"] {font-size: 1.6rem; font-variant-numeric: tabular-nums;}
</style>"""
_OLDER_SCHEMA = (UndefinedColumn, UndefinedFunction, UndefinedTable)
_TITLES: dict[type[CryptoassetsError], str] = {
    StoreNotRunningError: "The stores are stopped.",
    UpstreamNotMaterializedError: "There is no data yet.",
    AnalystLoginError: "The dashboard cannot log in.",
    QueryError: "A query failed.",
}


def main() -> None:
    """Draw the frame and the chosen page."""
    st.set_page_config(page_title="cryptoassets", page_icon=str(ICON), layout="wide")
    st.html(_STYLE)
    frame = [
        st.Page(partial(_page, title, show), title=title, url_path=title.lower(), default=not place)
        for place, (title, show) in enumerate(VIEWS.items())
    ]
    st.navigation(frame, position="top").run()


def _page(title: str, show: Callable[[Reader], None]) -> None:
    reader = choose_reader(title)
    try:
        if title != "Platform":
            show_banner()
        show(reader)
    except CryptoassetsError as error:
        if isinstance(error.__cause__, _OLDER_SCHEMA):
            st.error(
                "**The tables are older than this dashboard.** `cryptoassets run` brings them up "
                "to date.",
                icon=":material/error:",
            )
        else:
            title = _TITLES.get(type(error), "The data cannot be read.")
            st.error(f"**{title}** {error}", icon=":material/error:")
        st.button("Try again")


main()
