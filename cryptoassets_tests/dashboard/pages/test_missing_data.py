"""What the pages show without yesterday's market cap, past exchange rates or spent credits."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from cryptoassets.dashboard import figures
from cryptoassets.embedded import Stack
from cryptoassets_tests.dashboard.browser import CHROMIUM, Tab
from cryptoassets_tests.dashboard.conftest import filled, served
from cryptoassets_tests.resources.postgres_fixtures import UrlOf

pytestmark = [
    pytest.mark.postgres,
    pytest.mark.skipif(
        CHROMIUM is None,
        reason="needs a browser: apt-get install chromium (`.ci/run` installs it if run as root)",
    ),
]


@pytest.fixture(scope="module")
def incomplete(stack: Stack, postgres_url_of: UrlOf, migrated_template: str) -> Iterator[str]:
    """Address of a dashboard that lacks yesterday's market cap, past rates and spent credits."""
    changes = """
        DELETE FROM marts.market_daily WHERE day = (now() AT TIME ZONE 'UTC')::date - 1;
        UPDATE warehouse.fx_rates SET observed_at = now() - interval '1 minute';
        DELETE FROM warehouse.credits;
    """
    with (
        filled(stack, postgres_url_of, migrated_template, changes) as url,
        served(url, COINCAP_MONTHLY_CREDITS="4000") as address,
    ):
        yield address


def drawn(tab: Tab, chart: int) -> dict[str, Any]:
    """Return the points and the unit of a chart; the topmost chart of the page is number 0."""
    element = f"document.querySelectorAll('.js-plotly-plot')[{chart}]"
    # The browser loads the code for charts only when a page first shows one.
    tab.wait_until(lambda _shown: bool(tab.value(f"!!{element}?.data")), f"chart {chart}")
    found: dict[str, Any] = tab.value(
        f"(chart => ({{y: [...chart.data[0].y], unit: chart.layout.yaxis.ticksuffix}}))({element})"
    )
    return found


def test_a_change_names_the_day_with_which_it_compares(
    tab: Tab, incomplete: str, dashboard: str
) -> None:
    """If yesterday's market cap is missing, the card shows the change since the day before."""
    today = datetime.now(UTC).date()

    tab.open(f"{incomplete}/", f"since {figures.past_day(today - timedelta(days=2), today)}")

    assert "since yesterday" not in tab.value("document.body.innerText")
    tab.open(f"{dashboard}/", "% since yesterday")


def test_lines_are_interrupted_at_the_missing_day(tab: Tab, incomplete: str) -> None:
    """Chart 0 shows the market cap in the unit of the card above it; chart 2 shows dominance."""
    tab.open(f"{incomplete}/", "Market cap\n\n$", "All coins")

    cap, dominance = drawn(tab, 0), drawn(tab, 2)
    assert cap["y"].index(None) == len(cap["y"]) - 2
    assert dominance["y"].index(None) == len(dominance["y"]) - 2
    assert cap["unit"] == f" {tab.metric('Market cap')[-1]}" == " T"


def test_charts_that_lack_rates_do_not_ask_for_more_days(tab: Tab, incomplete: str) -> None:
    """There are prices of 90 days; only rates are missing, which `backfill` does not fetch."""
    tab.open(
        f"{incomplete}/?currency=EUR",
        "Charts over time need market caps in EUR from two days, but only one day has one.",
    )

    assert "backfill" not in tab.value("document.body.innerText")


def test_credits_left_are_shown_even_if_none_is_spent(tab: Tab, incomplete: str) -> None:
    """The card shows the whole budget, not a dash."""
    tab.open(f"{incomplete}/pipeline", "Credits left this month", "none spent")

    assert "4,000" == tab.metric("Credits left this month")


def test_the_distance_below_the_peak_has_no_minus_sign(tab: Tab, dashboard: str) -> None:
    """A distance of -4.88 % below the peak would be above the peak."""
    tab.open(f"{dashboard}/coin?coin=coin-60", "Rank 60.", "Below 30-day peak")

    assert tab.metric("Below 30-day peak").rstrip(" %").replace(".", "").isdigit()
