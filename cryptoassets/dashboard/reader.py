"""The reader's choices, which apply to every page: currency and time zone.

What goes here: choosing them, and the times and banner that depend on them. What stays out: the
pages (in `views`).
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
    "replay": "**Replayed prices.** They come from recorded answers and are not today's prices.",
}


@dataclass(frozen=True)
class Reader:
    """The choices of the person who looks at the page.

    Attributes:
        currency: of the amounts, e.g. USD.
        zone: of the times; days are always UTC days.
    """

    currency: str
    zone: ZoneInfo

    def local(self, time: datetime) -> datetime:
        """A time in the reader's zone, without the zone: Plotly shows it as it is."""
        return time.astimezone(self.zone).replace(tzinfo=None)

    def coin_link(self, coin_id: str) -> str:
        """Address of a coin's page with the same choices."""
        choices = {"coin": coin_id, "currency": self.currency, "zone": self.zone.key}
        return f"/coin?{urlencode(choices)}"


def choose_reader(title: str) -> Reader:
    """Show the title of the page and the two choices next to it."""
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
    """Warn if the prices are not those of CoinCap."""
    for row in rows_of({"sources": queries.SOURCES})["sources"]:
        if row["source"] in _BANNERS:
            st.warning(_BANNERS[row["source"]], icon=":material/science:")


def _currencies() -> list[str]:
    try:
        rates = rows_of({"rates": queries.CURRENCIES})["rates"]
    except CryptoassetsError:
        # The page itself shows what is wrong.
        rates = []
    return ["USD", *(row["symbol"] for row in rates if row["symbol"] != "USD")]


def _zone_names() -> list[str]:
    """All time zones, the browser's own first."""
    own = st.context.timezone or _UTC
    try:
        ZoneInfo(own)
    except (ZoneInfoNotFoundError, ValueError):
        own = _UTC
    return list(dict.fromkeys((own, _UTC, *_regions())))


@cache
def _regions() -> list[str]:
    return sorted(name for name in available_timezones() if "/" in name and name[:3] != "Etc")
