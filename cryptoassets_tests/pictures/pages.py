"""Pictures of Dagster and the dashboard for the documentation.

What goes here: where each page is, and what to click on it. What stays out: the run that fills the
pages (in `__main__`), docker-compose's pages (in `compose`), the browser's protocol (in
`dashboard.browser`).
"""

import base64
import io
import time
from pathlib import Path
from urllib.parse import quote

from PIL import Image

from cryptoassets_tests.dashboard.browser import WIDTHS, Tab

_COLOURS = 128
_SECONDS = 180.0
_WIDTH, _HEIGHT = 1600, 1000
_GRAPH_WIDTH, _GRAPH_HEIGHT = 2000, 1360
_BUTTON = "[...document.querySelectorAll('button,a,div')].filter(one => one.innerText === {})"
_LEAF = "[...document.querySelectorAll('*')].filter(e => !e.children.length && {})"
_UNFOLD = """(one => one && one.dispatchEvent(new MouseEvent('click', {bubbles: true})))(
    document.querySelector('[aria-label=unfold_more]'))"""


class Album:
    """Saves pictures of the pages in a browser tab to a folder."""

    def __init__(self, tab: Tab, folder: Path) -> None:
        self.tab, self._folder = tab, folder
        folder.mkdir(parents=True, exist_ok=True)

    def dagster(self, address: str, hour: str) -> None:
        """Save pictures of the asset graph, a materialization, its plot and the failed check.

        Args:
            address: address of Dagster's page.
            hour: a partition with prices.
        """
        self._graph(address)
        asset = f"{address}/assets/warehouse/coin_prices"
        self.open(f"{asset}?view=events&partition={quote(hour)}", "Metadata")
        self.save("coin-prices-materialization")
        self.open(f"{asset}?view=partitions&partition={quote(hour)}", "Show Markdown")
        self.tab.value(_LEAF.format("e.textContent.includes('Show Markdown')") + "[0].click()")
        time.sleep(3)
        self.save("coin-prices-plot")
        check = "assets/clean/coin_prices?view=checks&checkDetail=newest_snapshot_complete"
        self.open(f"{address}/{check}", "Latest execution")
        self.save("failed-check")

    def _graph(self, address: str) -> None:
        """Save a picture of the graph of all assets, with its groups open."""
        self.open(f"{address}/asset-groups", "raw", width=_GRAPH_WIDTH, height=_GRAPH_HEIGHT)
        time.sleep(5)
        for _group in range(4):
            self.tab.value(_UNFOLD)
            time.sleep(3)
        # Opened groups overflow the window; loading the page again fits the graph into the window.
        self.open(str(self.tab.value("location.href")), "coin_daily", _GRAPH_WIDTH, _GRAPH_HEIGHT)
        self.save("asset-graph")

    def dashboard(self, address: str) -> None:
        """Save pictures of the market page and of a coin's page."""
        for name, page, text in (
            ("dashboard-market", "", "All coins"),
            ("dashboard-coin", "coin?coin=bitcoin", "Compare"),
        ):
            self.tab.set_window(WIDTHS["screen"], "light")
            self.tab.open(f"{address}/{page}", text)
            file = self._folder / f"{name}.png"
            self.tab.picture(file)
            _shrink(file, file.read_bytes())

    def open(self, url: str, text: str = "", width: int = _WIDTH, height: int = _HEIGHT) -> None:
        """Open a page, wait until it shows a text, and dismiss a welcome dialog."""
        self.tab.call(
            "Emulation.setDeviceMetricsOverride",
            width=width, height=height, deviceScaleFactor=1, mobile=False,
        )  # fmt: skip
        self.tab.call("Page.navigate", url=url)
        self.tab.wait_until(lambda shown: text in shown, f"{text} at {url}", _SECONDS)
        time.sleep(2)
        self.tab.value(_BUTTON.format("'Skip'") + ".forEach(one => one.click())")

    def save(self, name: str) -> None:
        """Save a picture of the tab under this name."""
        self.tab.wait_until(lambda shown: "Loading" not in shown, f"loaded {name}", _SECONDS)
        data = self.tab.call("Page.captureScreenshot", format="png")["data"]
        _shrink(self._folder / f"{name}.png", base64.b64decode(data))


def _shrink(file: Path, picture: bytes) -> None:
    """Save a picture with few colours, because everyone who clones the repository downloads it."""
    image = Image.open(io.BytesIO(picture)).convert("RGB")
    image.quantize(_COLOURS, dither=Image.Dither.NONE).save(file, optimize=True)
