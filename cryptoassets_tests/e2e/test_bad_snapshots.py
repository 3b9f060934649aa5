"""A bad snapshot is quarantined completely, `run` fails, and good rows are not changed.

The tests read the results of one sequence of runs in the test process. `test_run` tests a snapshot
with only 30 coins as a user sees it.
"""

import json
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest

from cryptoassets_tests.e2e.platforms import CommandResult, MakePlatform, Platform
from cryptoassets_tests.e2e.stores import PUBLISHED, Dump

pytestmark = [pytest.mark.spark, pytest.mark.mongo, pytest.mark.postgres]


@dataclass(frozen=True)
class Results:
    """The results of four runs and a final audit.

    The source sends a good snapshot, a mostly broken one, an empty one and another good one. After
    each run, the tables are dumped.
    """

    platform: Platform
    good: Dump
    broken: tuple[CommandResult, Dump]
    empty: tuple[CommandResult, Dump]
    healed: tuple[CommandResult, Dump]
    audit: CommandResult


@pytest.fixture(scope="module")
def results(make_platform: MakePlatform) -> Iterator[Results]:
    """Make all runs once for all tests, because each takes seconds."""
    with make_platform() as platform:

        def run(*faults: dict[str, Any]) -> tuple[CommandResult, Dump]:
            platform.put_faults(*faults)
            return platform.command("run"), platform.stores.dump()

        with urllib.request.urlopen(f"{platform.source_url}/assets") as response:
            coins = [coin["id"] for coin in json.load(response)["data"]]
        _, good = run()
        without_price = {coin: {"delete": ["priceUsd"]} for coin in coins[:61]}
        broken = run({"route": "/assets", "kind": "patch", "coins": without_price})
        empty = run({"route": "/assets", "kind": "empty"})
        healed = run()
        yield Results(platform, good, broken, empty, healed, platform.command("audit"))


def test_a_mostly_broken_snapshot_makes_run_fail_and_name_the_check(results: Results) -> None:
    """If 61 of 100 coins have no price, the other 39 cannot be trusted either."""
    finished, _ = results.broken

    assert 1 == finished.code, finished.text
    assert "clean/coin_prices newest_snapshot_reliable" in finished.text
    assert "snapshot_unreliable" in finished.text


def test_a_mostly_broken_snapshot_is_quarantined_completely(results: Results) -> None:
    """The 39 good-looking coins are not loaded either; each quarantined row names the reason."""
    rows = results.platform.stores.rows(
        "SELECT count(*), count(*) FILTER (WHERE 'price_usd_missing' = ANY(reasons)) "
        "FROM warehouse.quarantine WHERE 'snapshot_unreliable' = ANY(reasons)"
    )

    assert [(100, 61)] == rows
    assert 100 == len(results.broken[1]["warehouse.quarantine"])


@pytest.mark.parametrize("what", ["broken", "empty"])
def test_a_bad_response_does_not_change_earlier_rows(results: Results, what: str) -> None:
    """Readers see the same rows as before, byte for byte."""
    _, after = getattr(results, what)

    for table in PUBLISHED:
        assert results.good[table] == after[table], table


def test_an_empty_response_stores_nothing_and_fails_the_run(results: Results) -> None:
    """`data: []` with status 200 is not a success."""
    finished, after = results.empty

    assert 1 == finished.code
    assert "raw/coin_snapshots: GET http" in finished.text
    assert "returned no coins. Nothing was stored" in finished.text
    assert results.broken[1] == after


def test_the_next_good_snapshot_is_published(results: Results) -> None:
    """A bad response must not block later snapshots of the same hour."""
    finished, after = results.healed

    assert 0 == finished.code, finished.text
    assert results.broken[1]["warehouse.quarantine"] == after["warehouse.quarantine"]
    assert 0 == results.audit.code, results.audit.text


def test_another_good_run_only_adds_one_snapshot(results: Results) -> None:
    """The rows of the first good run are not changed."""
    before, (_, after) = results.good, results.healed

    assert 200 == len(after["warehouse.coin_prices"])
    assert set(before["warehouse.coin_prices"]) < set(after["warehouse.coin_prices"])
    # Between the two runs, another coin may have moved to rank 100.
    coins = {row.partition(b"\t")[0] for row in after["warehouse.coin_prices"]}
    for table in ("warehouse.coins", "marts.coin_daily"):
        assert coins == {row.partition(b"\t")[0] for row in after[table]}
        assert len(coins) == len(after[table])
    assert len(before["marts.market_daily"]) == len(after["marts.market_daily"])
