"""A click on "Materialize all" in Dagster's UI is safe, although it requests every partition."""

import os
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import dagster as dg
import pytest

from cryptoassets.definitions import defs
from cryptoassets.embedded import dagster_instance
from cryptoassets.embedded.processes import free_port
from cryptoassets_tests.dashboard.browser import CHROMIUM, browser
from cryptoassets_tests.e2e.homes import COMMAND, user_environment
from cryptoassets_tests.e2e.platforms import MakePlatform, Platform
from cryptoassets_tests.web import serving

pytestmark = [
    *(pytest.mark.mongo, pytest.mark.postgres, pytest.mark.spark, pytest.mark.timeout(900)),
    # `e2e.test_materialize` is a shorter test: it launches the same range without the UI.
    pytest.mark.long,
    pytest.mark.skipif(
        CHROMIUM is None, reason="needs a browser: apt-get install chromium (`.ci/run` does it)"
    ),
]

COINS = 3
ASSETS = len(defs.resolve_asset_graph().materializable_asset_keys)
_CLICK_SECONDS, _MAX_SECONDS = 60, 800


@dataclass(frozen=True)
class ClickResult:
    """What the click caused.

    Attributes:
        runs: the launched runs.
        partitions: the materialized partitions of each asset.
        hours: hours that have raw snapshots.
        days: days that have raw history.
        fetches: the number of fetched snapshots.
    """

    runs: list[dg.DagsterRun]
    partitions: dict[str, set[str]]
    hours: set[str]
    days: set[str]
    fetches: int


@contextmanager
def served(platform: Platform) -> Iterator[str]:
    """Serve Dagster's UI for a platform."""
    environment = os.environ | user_environment() | platform.settings
    address = f"http://localhost:{(port := free_port())}"
    command = [str(COMMAND), "dev", "--port", str(port)]
    with serving(command, f"{address}/server_info", environment, stdout=subprocess.DEVNULL):
        yield address


def materialize_all(address: str, profile: Path, instance: dg.DagsterInstance) -> str:
    """Click the button in the asset graph, then the one in its dialog; return the backfill's id."""
    known = {one.backfill_id for one in instance.get_backfills()}
    with browser(profile) as tab:
        tab.set_window(1280, "light")
        button = f"Materialize all ({ASSETS})…"
        tab.open(f"{address}/asset-groups", button)
        tab.click(button)
        tab.wait_for("Launch backfill")
        tab.click("Launch backfill")
        deadline = time.monotonic() + _CLICK_SECONDS
        while True:
            for one in instance.get_backfills():
                if one.backfill_id not in known:
                    return one.backfill_id
            assert time.monotonic() < deadline, "the click launched nothing"
            time.sleep(0.2)


def runs_of(instance: dg.DagsterInstance, backfill: str) -> list[dg.DagsterRun]:
    """Wait until the backfill and its runs have ended; return the runs."""
    deadline = time.monotonic() + _MAX_SECONDS
    while True:
        found = instance.get_backfill(backfill)
        runs = list(instance.get_runs(dg.RunsFilter(tags={"dagster/backfill": backfill})))
        status = found.status.value if found else None
        if status not in {"REQUESTED", "FAILING"} and all(run.is_finished for run in runs):
            return runs
        assert time.monotonic() < deadline, f"{status} {[run.status for run in runs]}"
        time.sleep(2)


def materialized(instance: dg.DagsterInstance, since: float) -> dict[str, set[str]]:
    """Return each asset's partitions that were materialized since a time."""
    partitions: dict[str, set[str]] = {}
    for key in instance.all_asset_keys():
        wanted = dg.AssetRecordsFilter(asset_key=key, after_timestamp=since)
        records = instance.fetch_materializations(wanted, limit=5_000).records
        named = {one.partition_key for one in records if one.partition_key is not None}
        partitions[key.to_user_string()] = named
    return partitions


@pytest.fixture(scope="module")
def clicked(
    make_platform: MakePlatform, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[ClickResult]:
    """Click once for all tests, because it takes minutes: two months have 1,400 hours."""
    started = time.time()
    since = datetime.now(UTC).date() - timedelta(days=60)
    with make_platform(COINCAP_COINS=f"{COINS}", CRYPTOASSETS_SINCE=f"{since}") as platform:
        with (
            served(platform) as address,
            platform.applied_settings(),
            dagster_instance() as instance,
        ):
            backfill = materialize_all(address, tmp_path_factory.mktemp("profile"), instance)
            runs = runs_of(instance, backfill)
            partitions = materialized(instance, started)
        with platform.stores.lake() as lake:
            hours, days = (
                {f"{moment:{form}}" for moment in lake[name].distinct("observed_at")}
                for name, form in (
                    ("coin_snapshots", "%Y-%m-%d-%H:00"),
                    ("coin_history", "%Y-%m-%d"),
                )
            )
            fetches = len(lake["coin_snapshots"].distinct("fetched_at"))
        yield ClickResult(runs, partitions, hours, days, fetches)


def test_few_runs_are_launched_and_one_snapshot_is_fetched(clicked: ClickResult) -> None:
    """The click requests every hour, but only the current one can be fetched."""
    assert 1 <= len(clicked.runs) <= 10
    assert 1 == clicked.fetches
    assert 1 == len(clicked.hours)


def test_only_partitions_with_data_turn_green(clicked: ClickResult) -> None:
    """No asset, not even a downstream one, shows a partition without data as materialized."""
    materialized = clicked.partitions

    for asset in ("raw/coin_snapshots", "clean/coin_prices", "warehouse/coin_prices"):
        assert clicked.hours == materialized[asset]
    for asset in ("raw/coin_history", "warehouse/coin_price_history"):
        assert clicked.days == materialized[asset]
    assert clicked.hours == materialized["warehouse/coins"]
    for asset in ("marts/coin_daily", "marts/coin_candles", "marts/market_daily"):
        assert materialized.get(asset, set()) <= clicked.days | {h[:10] for h in clicked.hours}


def test_every_run_succeeds(clicked: ClickResult) -> None:
    """Only the backfill itself fails, because Dagster counts partitions without data as failed."""
    assert [dg.DagsterRunStatus.SUCCESS] * len(clicked.runs) == [run.status for run in clicked.runs]
