"""Odd documents and damaged files do not block other hours.

The test runs a sequence of commands. They report the odd documents and the damaged files, and
process everything else.
"""

import os
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from cryptoassets_tests.e2e.platforms import Platform
from cryptoassets_tests.e2e.wrong_rules import refuse_fully_mined_coins
from cryptoassets_tests.io_managers.damages import remove_files, truncate
from cryptoassets_tests.io_managers.odd_types import STORED_BY_STANDIN, changed

pytestmark = [pytest.mark.spark, pytest.mark.mongo, pytest.mark.postgres]

NOTE = "judged by older rules: run `rebuild` or `requeue`"


def plant_odd_documents(platform: Platform, observed_at: Any) -> set[str]:
    """Store copies of a good document, each with an odd value in one of three fields.

    Returns:
        Ids of the copies with an odd `observed_at`, which belong to no hour.
    """
    good = platform.stores.documents()[-1] | {"observed_at": observed_at}
    # The MongoDB stand-in, nx-27017, compares strings with dates, so the string must be a day
    # outside every queried range.
    values = {
        name: value.replace("2026-10-31", "2019-10-31") if isinstance(value, str) else value
        for name, value in STORED_BY_STANDIN.items()
    }
    odd = [
        changed(good | {"_id": f"{name} as {field}"}, field, value)
        for field in ("observed_at", "fetched_at", "payload")
        for name, value in values.items()
    ]
    with platform.stores.lake() as lake:
        lake["coin_snapshots"].insert_many(odd)
        for name in ("snapshot_fetches", "history_windows", "dead_letters", "expired_partitions"):
            lake[name].insert_one({"_id": "odd", "observed_at": "now", "end": 7, "fetched_at": []})
    return {one["_id"] for one in odd if "as observed_at" in one["_id"]}


def folders(platform: Platform) -> list[Path]:
    """The Parquet folders of all hours, oldest first."""
    return sorted((platform.stores.clean / "coin_prices").glob("hour=*"))


def test_odd_documents_and_damaged_files_are_reported_and_block_nothing(
    two_hours: Platform, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A string instead of a date used to block every command, and a truncated file its hour."""
    prices = "SELECT * FROM warehouse.coin_prices ORDER BY coin_id, observed_at"
    before = two_hours.stores.rows(prices)
    old, new = folders(two_hours)
    newest = max(one["observed_at"] for one in two_hours.stores.documents())
    undated = plant_odd_documents(two_hours, newest + timedelta(milliseconds=1))
    truncate(old)
    remove_files(new)

    damaged = two_hours.command("audit")
    rebuilt = two_hours.command("rebuild")
    healed = two_hours.command("audit")

    assert 1 == damaged.code
    for folder in (old, new):
        key = folder.name.removeprefix("hour=").replace("T", "-") + ":00"
        assert f"warehouse/coin_prices {key}: its Parquet cannot be read (" in damaged.text
    assert 0 == rebuilt.code, rebuilt.text
    assert before == two_hours.stores.rows(prices)
    assert 1 == healed.code
    assert "cannot be read" not in healed.text
    assert "1 difference found." in healed.text
    assert (
        " documents of coin_snapshots without a valid time and so without a partition ("
        in healed.text
    )
    refused = two_hours.stores.rows(
        "SELECT raw_id FROM warehouse.quarantine WHERE reasons = '{foreign_document}'"
    )
    assert {"word as fetched_at", "null as payload"} <= {raw_id for (raw_id,) in refused}
    for finished in (damaged, rebuilt, healed):
        assert "Traceback" not in finished.text

    with two_hours.stores.lake() as lake:
        documents = list(lake["coin_snapshots"].find({"_id": {"$in": sorted(undated)}}))
        lake["coin_snapshots"].delete_many({"_id": {"$in": sorted(undated)}})
    _assert_run_repairs_what_a_rule_refuses(two_hours, old, monkeypatch)
    with two_hours.stores.lake() as lake:
        lake["coin_snapshots"].insert_many(documents)
    for verb in ("run", "status"):
        finished = two_hours.command(verb)
        assert 0 == finished.code, finished.text
        assert NOTE not in finished.text, "the note must be shown only once"


def _assert_run_repairs_what_a_rule_refuses(
    platform: Platform, old: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """After a rule change, `run` corrects coins that the new rule refuses; `audit` succeeds.

    `audit` used to fail until `rebuild` had run. `run` reports only once which hours were judged by
    older rules.
    """
    (old / "_SUCCESS").write_text("another version")
    for noted in Path(os.environ["CRYPTOASSETS_HOME"]).rglob("rules.json"):
        noted.write_text('{"warehouse/coin_prices": "another version"}')
    key = old.name.removeprefix("hour=").replace("T", "-") + ":00"
    refuse_fully_mined_coins(monkeypatch)

    run = platform.command("run")
    audit, status = platform.command("audit"), platform.command("status")

    assert 0 == run.code, run.text
    assert 0 == audit.code, audit.text
    assert f"warehouse/coin_prices: 1 hour ({key}) {NOTE}" in audit.text
    assert f"warehouse/coin_prices: 1 hour ({key}) {NOTE}" in " ".join(run.text.split())
    assert 0 == status.code, status.text
    assert [] == platform.stores.rows(
        "SELECT coin_id FROM warehouse.coins WHERE last_seen_at NOT IN "
        "(SELECT observed_at FROM warehouse.coin_prices WHERE coin_id = coins.coin_id)"
    )
