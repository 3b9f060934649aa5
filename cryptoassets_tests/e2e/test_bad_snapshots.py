"""Promise: a bad snapshot is quarantined whole, `run` says so, and what was good stays.

One story in this process; `test_run` has the snapshot of 30 coins as a user meets it.
"""

import json
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest

from cryptoassets_tests.e2e.platforms import Finished, MakePlatform, Platform
from cryptoassets_tests.e2e.stores import PUBLISHED, Dump

pytestmark = [pytest.mark.spark, pytest.mark.mongo, pytest.mark.postgres]


@dataclass(frozen=True)
class Story:
    """A good snapshot, one that is mostly broken, an empty answer, a good one; dumps after each."""

    platform: Platform
    good: Dump
    broken: tuple[Finished, Dump]
    empty: tuple[Finished, Dump]
    healed: tuple[Finished, Dump]
    audit: Finished


@pytest.fixture(scope="module")
def story(make_platform: MakePlatform) -> Iterator[Story]:
    """Told once: each run costs seconds."""
    with make_platform() as platform:

        def run(*faults: dict[str, Any]) -> tuple[Finished, Dump]:
            platform.put_faults(*faults)
            return platform.command("run"), platform.stores.dump()

        with urllib.request.urlopen(f"{platform.source_url}/assets") as answer:
            coins = [coin["id"] for coin in json.load(answer)["data"]]
        _, good = run()
        without_price = {coin: {"delete": ["priceUsd"]} for coin in coins[:61]}
        broken = run({"route": "/assets", "kind": "patch", "coins": without_price})
        empty = run({"route": "/assets", "kind": "empty"})
        healed = run()
        yield Story(platform, good, broken, empty, healed, platform.command("audit"))


def test_a_mostly_broken_snapshot_makes_run_fail_and_name_the_check(story: Story) -> None:
    """61 of 100 without a price: what is left of such an answer is not worth trusting."""
    finished, _ = story.broken

    assert 1 == finished.code, finished.text
    assert "clean/coin_prices newest_snapshot_reliable" in finished.text
    assert "snapshot_unreliable" in finished.text


def test_a_mostly_broken_snapshot_is_in_quarantine_whole(story: Story) -> None:
    """The 39 that look good are not loaded either, and each says why."""
    rows = story.platform.stores.rows(
        "SELECT count(*), count(*) FILTER (WHERE 'price_usd_missing' = ANY(reasons)) "
        "FROM warehouse.quarantine WHERE 'snapshot_unreliable' = ANY(reasons)"
    )

    assert [(100, 61)] == rows
    assert 100 == len(story.broken[1]["warehouse.quarantine"])


@pytest.mark.parametrize("what", ["broken", "empty"])
def test_a_bad_answer_leaves_earlier_rows_the_same_bytes(story: Story, what: str) -> None:
    """Readers see what they saw before."""
    _, after = getattr(story, what)

    for table in PUBLISHED:
        assert story.good[table] == after[table], table


def test_an_empty_answer_stores_nothing_and_says_so(story: Story) -> None:
    """`data: []` with status 200 is no success."""
    finished, after = story.empty

    assert 1 == finished.code
    assert "raw/coin_snapshots: GET http" in finished.text
    assert "answered with no coin. Nothing was stored" in finished.text
    assert story.broken[1] == after


def test_the_next_good_snapshot_publishes(story: Story) -> None:
    """A bad answer must not hold its hour for ever."""
    finished, after = story.healed
    before = story.good["warehouse.coin_prices"]

    assert 0 == finished.code, finished.text
    assert 200 == len(after["warehouse.coin_prices"])
    assert set(before) < set(after["warehouse.coin_prices"])
    assert story.broken[1]["warehouse.quarantine"] == after["warehouse.quarantine"]
    assert 0 == story.audit.code, story.audit.text
