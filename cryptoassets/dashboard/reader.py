"""The reader's choices, which apply to every page: currency and time zone.

What goes here: the two choices, the times and links that depend on them, and the banner about
prices that are not real. What stays out: the pages (in `views`).
"""

from dataclasses import dataclass
from datetime import datetime
from functools import cache
from urllib.parse import urlencode
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError, available_timezones

import streamlit as st

from cryptoassets.dashboard import queries
from cryptoassets.dashboard.reading import rows_of
from cryptoassets.errors import CryptoassetsError

_UTC = "UTC"
_BANNERS = {
    "simulator": "**Simulated prices.** They come from the built-in simulator and are not real. "
    "Set `COINCAP_API_KEY` to fetch real prices from CoinCap.",
    "replay": "**Replayed prices.** They come from recorded responses and are not today's prices.",
}


@dataclass(frozen=True)
class Reader:
    """The choices of the person who looks at the page.

    Attributes:
        currency: the currency of amounts, e.g. USD.
        zone: the time zone of times; days are always UTC days.
    """

    currency: str
    zone: ZoneInfo

    def local(self, time: datetime) -> datetime:
        """Return a time in the reader's zone as a naive datetime, which Plotly shows unchanged."""
        return time.astimezone(self.zone).replace(tzinfo=None)

    def coin_link(self, coin_id: str) -> str:
        """Return the address of a coin's page that keeps the reader's choices."""
        choices = {"coin": coin_id, "currency": self.currency, "zone": self.zone.key}
        return f"/coin?{urlencode(choices)}"


def choose_reader(title: str) -> Reader:
    """Show the page's title and, next to it, the two choices; return what was chosen."""
    with st.container(horizontal=True, vertical_alignment="bottom"):
        st.header(title, anchor=False)
        choices = st.container(horizontal=True, width=340)
    with choices:
        currency = st.selectbox(
            "Currency", _currencies(), key="currency", bind="query-params", width=110
        )
        names = _zone_names()
        zone = st.selectbox("Time zone", names, key="zone", bind="query-params", width=205)
    return Reader(currency or "USD", ZoneInfo(zone or _UTC))


def show_banner() -> None:
    """Warn if prices are simulated or replayed."""
    for row in rows_of({"sources": queries.SOURCES})["sources"]:
        if row["source"] in _BANNERS:
            st.warning(_BANNERS[row["source"]], icon=":material/science:")


def _currencies() -> list[str]:
    try:
        rates = rows_of({"rates": queries.CURRENCIES})["rates"]
    except CryptoassetsError:
        # The page itself will show this error.
        rates = []
    return ["USD", *(row["symbol"] for row in rates if row["symbol"] != "USD")]


def _zone_names() -> list[str]:
    """Return the time zones to choose from, the browser's own first."""
    own = st.context.timezone or _UTC
    try:
        ZoneInfo(own)
    except (ZoneInfoNotFoundError, ValueError):
        own = _UTC
    return list(dict.fromkeys((own, _UTC, *_regions())))


@cache
def _regions() -> list[str]:
    return sorted(name for name in available_timezones() if "/" in name and name[:3] != "Etc")
