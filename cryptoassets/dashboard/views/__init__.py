"""The pages of the dashboard: each module draws one page for a reader."""

from collections.abc import Callable

from cryptoassets.dashboard.reader import Reader
from cryptoassets.dashboard.views import coin, market, pipeline, platform

VIEWS: dict[str, Callable[[Reader], None]] = {
    "Market": market.show,
    "Coin": coin.show,
    "Pipeline": pipeline.show,
    "Platform": platform.show,
}
"""Maps titles to pages. A page's path is its title in lower case; that of the first page is `/`."""
