"""One run fetches, cleans and publishes several days of history; a second run repeats nothing."""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import dagster as dg
import pytest

from cryptoassets.partitions.policies import range_tags
from cryptoassets_tests.coincap_server.fixtures import get_json
from cryptoassets_tests.e2e.platforms import MakePlatform, Platform
from cryptoassets_tests.e2e.wrong_rules import refuse_tether

pytestmark = [pytest.mark.mongo, pytest.mark.postgres, pytest.mark.spark]

# In the simulator, the first three coins keep their ranks; the fourth and the fifth swap theirs.
DAYS, COINS = 3, 3
LAST = (datetime.now(UTC) - timedelta(days=2)).replace(hour=0, minute=0, second=0, microsecond=0)
KEYS = [f"{LAST - timedelta(days=number):%Y-%m-%d}" for number in reversed(range(DAYS))]
RANGE = range_tags(KEYS[0], KEYS[-1])
# One hourly point of bitcoin has an invalid price; the source does not know ethereum.
ODD = f"{KEYS[1]}T05:00:00.000Z"
FAULTS = (
    {
        "route": "/assets/bitcoin/history",
        "kind": "patch",
        "coins": {ODD: {"set": {"priceUsd": "NaN"}}},
    },
    {"route": "/assets/ethereum/history", "kind": "status", "status": 404},
)
_PUBLISHED = "SELECT * FROM warehouse.coin_price_history ORDER BY coin_id, observed_at"
_QUARANTINED_FOR = (
    "SELECT split_part(raw_id, '@', 1), partition_key FROM warehouse.quarantine WHERE reasons = %s"
)
_RELEASES = "SELECT reasons, outcome, count(*) FROM warehouse.quarantine_releases GROUP BY 1, 2"
_VERSIONS = "SELECT raw_id, xmin::text FROM warehouse.coin_price_history"


@dataclass(frozen=True)
class Results:
    """The results of a run over a range, started with empty stores, and of the same run again."""

    platform: Platform
    first: dg.ExecuteInProcessResult
    second: dg.ExecuteInProcessResult
    calls: list[int]
    versions: list[dict[str, str]]


def calls_of(platform: Platform) -> int:
    """Return the number of history calls that the source counted."""
    counted: dict[str, Any] = get_json(f"{platform.source_url}/calls")
    return int(counted["calls"].get("/assets/{slug}/history", 0))


@pytest.fixture(scope="module")
def results(make_platform: MakePlatform) -> Iterator[Results]:
    """Process the range twice; record the calls and the row versions after each run."""
    with make_platform(COINCAP_COINS=str(COINS)) as platform:
        platform.put_faults(*FAULTS)
        runs, calls, versions = [], [], []
        for _ in range(2):
            runs.append(platform.execute("history", None, tags=RANGE))
            calls.append(calls_of(platform))
            versions.append(dict(platform.stores.rows(_VERSIONS)))
        assert platform.execute("marts", None, tags=RANGE).success
        yield Results(platform, runs[0], runs[1], calls, versions)


def test_every_valid_point_is_published_once(results: Results) -> None:
    """A coin that the source does not know does not block the others."""
    assert results.first.success
    rows = results.platform.stores.rows(
        "SELECT coin_id, count(*), count(DISTINCT observed_at) FROM warehouse.coin_price_history "
        "GROUP BY 1 ORDER BY 1"
    )
    assert [("bitcoin", 71, 71), ("tether", 72, 72)] == rows


def test_each_day_has_its_own_ledger_row_folder_and_quarantine(results: Results) -> None:
    """Each day is a partition, even if one run processes several days."""
    ledger = results.platform.stores.rows(
        "SELECT partition_key, raw_rows, loaded_rows, quarantined_rows FROM warehouse.loads"
    )
    folders = (results.platform.stores.clean / "coin_price_history").iterdir()
    refused = results.platform.stores.rows(
        "SELECT partition_key, reasons FROM warehouse.quarantine"
    )

    assert [(KEYS[0], 48, 48, 0), (KEYS[1], 48, 47, 1), (KEYS[2], 48, 48, 0)] == sorted(ledger)
    assert {f"day={key}" for key in KEYS} == {folder.name for folder in folders}
    assert [(KEYS[1], ["price_usd_malformed"])] == refused


def test_dagster_has_row_counts_and_checks_of_each_day(results: Results) -> None:
    """A backfill that is launched in Dagster's UI is one run over a range, as in this test."""
    events = results.first.all_events
    materializations = [
        e.step_materialization_data.materialization for e in events if e.is_step_materialization
    ]
    rows = {
        (one.asset_key.path[0], one.partition): one.metadata["dagster/partition_row_count"].value
        for one in materializations
        if one.asset_key.path[1] != "quarantine"
    }
    judged = Counter(
        (e.asset_check_evaluation_data.partition, e.asset_check_evaluation_data.passed)
        for e in events
        if e.event_type_value == "ASSET_CHECK_EVALUATION"
    )

    layers = ("raw", "clean", "warehouse")
    expected = {(layer, key): 48 for layer in layers for key in KEYS}
    assert expected | {("warehouse", KEYS[1]): 47} == rows
    assert {(key, True): 6 for key in KEYS} == dict(judged)


def test_the_same_run_again_fetches_and_writes_nothing(results: Results) -> None:
    """Calls cost credits, and published rows are not rewritten."""
    assert results.second.success
    # One call per coin, including the coin that the source does not know.
    assert [COINS, COINS] == results.calls
    assert results.versions[0] == results.versions[1]


def test_audit_finds_no_difference(results: Results) -> None:
    """`audit` compares history in the same way as snapshots."""
    finished = results.platform.command("audit")

    assert 0 == finished.code, finished.text
    assert f"{48 * 3} raw documents in {DAYS} days" in finished.text


def test_a_single_day_is_processed_like_a_range(results: Results) -> None:
    """Airflow launches one run per day."""
    result = results.platform.execute("history", KEYS[1])

    assert result.success
    assert results.calls[1] == calls_of(results.platform)


def test_points_that_a_corrected_rule_accepts_leave_the_quarantine_once(
    results: Results, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A wrong rule refuses tether for a day; after its correction, its points are released."""
    stores = results.platform.stores
    right = stores.rows(_PUBLISHED)
    refuse_tether(monkeypatch)
    assert results.platform.execute("history", KEYS[2]).success
    refused = stores.rows(_QUARANTINED_FOR, ["bad_id"])
    monkeypatch.undo()

    first, second = (results.platform.command("requeue", "--reason", "bad_id") for _ in range(2))

    assert [("tether", KEYS[2])] * 24 == refused
    assert 0 == first.code, first.text
    assert f"warehouse/coin_price_history {KEYS[2]} 24 released, 0 remain" in first.text
    assert (0, "Nothing is quarantined for bad_id.") == (second.code, second.text)
    assert [(["bad_id"], "loaded", 24)] == stores.rows(_RELEASES)
    assert right == stores.rows(_PUBLISHED)
    assert 0 == results.platform.command("audit").code
