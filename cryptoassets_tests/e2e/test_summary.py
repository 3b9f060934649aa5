"""The summary at the end of `run`: a price, and what a new user can do next."""

import re
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from rich.console import Console

from cryptoassets.cli.summary import print_summary
from cryptoassets.operations.runs import Outcome
from cryptoassets_tests.e2e.platforms import CommandResult, MakePlatform, Platform

pytestmark = [pytest.mark.spark, pytest.mark.mongo, pytest.mark.postgres]


@dataclass(frozen=True)
class Results:
    """Two runs. The first starts with nothing published, and cannot import plotly."""

    platform: Platform
    first: CommandResult
    second: CommandResult


@pytest.fixture(scope="module")
def results(make_platform: MakePlatform) -> Iterator[Results]:
    """Make both runs once for all tests."""
    with make_platform(COINCAP_COINS="5") as platform:
        with pytest.MonkeyPatch.context() as patch:
            patch.setitem(sys.modules, "plotly", None)
            first = platform.command("run")
        yield Results(platform, first, platform.command("run"))


def test_only_the_first_run_of_a_home_offers_next_steps(results: Results) -> None:
    """In a cron job's mail or in daily use, next steps would be noise."""
    assert (0, 0) == (results.first.code, results.second.code), results
    assert "Try next:" in results.first.text
    assert "Try next:" not in results.second.text


def test_a_page_whose_extra_is_not_installed_is_not_offered(results: Results) -> None:
    """Without the extra, the command that serves the page ends with an error."""
    assert "localhost:3000" in results.first.text
    assert "localhost:8501" not in results.first.text


def test_the_dashboard_is_offered_if_it_is_installed(
    results: Results, capsys: pytest.CaptureFixture[str]
) -> None:
    """After `make run`, which installs the dashboard, the summary shows its address."""
    with results.platform.applied_settings():
        print_summary(Console(width=200), Outcome(is_first=True, source="simulator"))

    assert "http://localhost:8501" in capsys.readouterr().out


def test_the_tour_offers_no_next_steps(
    results: Results,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """The tour has its own next step."""
    (tmp_path / "tour.lock").touch()
    with results.platform.applied_settings():
        monkeypatch.setenv("CRYPTOASSETS_HOME", str(tmp_path / "tour"))
        print_summary(Console(width=200), Outcome(is_first=True, source="simulator"))

    printed = capsys.readouterr().out
    assert "Checks: " in printed
    assert "Try next" not in printed


def test_a_run_shows_the_newest_price_of_the_top_coin(results: Results) -> None:
    """A user wants to see a price first. A simulated price is marked as simulated."""
    ((symbol, price, source),) = results.platform.stores.rows(
        "SELECT symbol, price_usd, source FROM marts.coin_latest ORDER BY rank LIMIT 1"
    )

    assert ("BTC", "simulator") == (symbol, source)
    assert f"{symbol} {price:,.2f} USD (simulated)" in results.second.text
    assert re.search(r"BTC [\d,]+\.\d\d USD \(simulated\)", results.first.text)


def test_times_in_the_table_are_written_for_people(results: Results) -> None:
    """`status --json` has the ISO time."""
    assert re.search(r"coin_prices \d+ \d{4}-\d\d-\d\d \d\d:\d\d:\d\d UTC", results.first.text)
