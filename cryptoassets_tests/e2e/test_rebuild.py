"""The tables of an emptied PostgreSQL are rebuilt from raw documents, byte for byte."""

import shutil
from datetime import UTC, datetime

import pytest

from cryptoassets_tests.e2e.platforms import Platform

pytestmark = [pytest.mark.spark, pytest.mark.mongo, pytest.mark.postgres]

MARTS = "marts.coin_daily, marts.coin_candles, marts.market_daily"
DERIVED = "coins, warehouse.coin_prices, warehouse.fx_rates, warehouse.quarantine, warehouse.loads"


def test_emptied_stores_are_rebuilt_byte_for_byte(two_hours: Platform) -> None:
    """Prices, rates and marts need no backup, because raw documents suffice to rebuild them."""
    before = two_hours.stores.dump()
    outcomes = two_hours.stores.outcomes()
    two_hours.stores.rows(f"TRUNCATE warehouse.{DERIVED}, {MARTS}")
    shutil.rmtree(two_hours.stores.clean)

    rebuilt = two_hours.command("rebuild")

    assert 0 == rebuilt.code, rebuilt.text
    assert "2 of 2 partitions rebuilt from raw" in rebuilt.text
    assert before == two_hours.stores.dump()
    assert outcomes == two_hours.stores.outcomes()
    audit = two_hours.command("audit")
    assert 0 == audit.code, audit.text


def test_rows_without_raw_documents_are_reported_and_kept(two_hours: Platform) -> None:
    """If raw documents are lost, the rows in PostgreSQL may be the only copy."""
    before = two_hours.stores.dump()
    with two_hours.stores.lake() as lake:
        oldest = lake["coin_snapshots"].find_one(sort=[("observed_at", 1)])["observed_at"]
        lake["coin_snapshots"].delete_many({"observed_at": oldest})

    rebuilt = two_hours.command("rebuild", "--to", f"{oldest:%Y-%m-%dT%H:59}")

    assert 1 == rebuilt.code
    key = f"{oldest:%Y-%m-%d-%H:00}"
    assert f"warehouse/coin_prices {key} has rows in PostgreSQL but no raw document" in rebuilt.text
    assert "0 of 0 partitions rebuilt from raw; failures: 1" in rebuilt.text
    assert before == two_hours.stores.dump()


def test_a_document_from_before_2018_does_not_block_other_hours(
    two_hours: Platform,
) -> None:
    """The document's hour precedes the first partition and is reported; the others are rebuilt."""
    with two_hours.stores.lake() as lake:
        lake["coin_snapshots"].insert_one(
            {"_id": "foreign-2017", "observed_at": datetime(2017, 12, 31, 23, tzinfo=UTC)}
        )

    rebuilt = two_hours.command("rebuild")

    assert 1 == rebuilt.code
    assert "2017-12-31-23:00: before the first partition, 2018-01-01" in rebuilt.text
    assert "2 of 3 partitions rebuilt from raw" in rebuilt.text
    assert "Traceback" not in rebuilt.text


def test_swapped_bounds_exit_with_2(two_hours: Platform) -> None:
    """The mistake must not look like a time range without data."""
    finished = two_hours.command("rebuild", "--from", "2026-02-01", "--to", "2026-01-01")

    assert 2 == finished.code
    assert "--from 2026-02-01 00:00:00 is not before --to 2026-01-01 00:00:00" in finished.text
