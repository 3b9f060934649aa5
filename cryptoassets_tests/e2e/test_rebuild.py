"""Row 6 of the table of faults: PostgreSQL emptied, and made again from raw to the byte."""

import shutil
from datetime import UTC, datetime

import pytest

from cryptoassets_tests.e2e.platforms import Platform

pytestmark = [pytest.mark.spark, pytest.mark.mongo, pytest.mark.postgres]

DERIVED = "coins, warehouse.coin_prices, warehouse.quarantine, warehouse.loads"


def test_emptied_stores_come_back_from_raw_to_the_byte(two_hours: Platform) -> None:
    """A restore without a backup: raw is the one store that cannot be made again."""
    before = two_hours.stores.dump()
    outcomes = two_hours.stores.outcomes()
    two_hours.stores.rows(f"TRUNCATE warehouse.{DERIVED}, marts.coin_daily, marts.market_daily")
    shutil.rmtree(two_hours.stores.clean)

    rebuilt = two_hours.command("rebuild")

    assert 0 == rebuilt.code, rebuilt.text
    assert "2 of 2 partitions made again from raw" in rebuilt.text
    assert before == two_hours.stores.dump()
    assert outcomes == two_hours.stores.outcomes()
    audit = two_hours.command("audit")
    assert 0 == audit.code, audit.text


def test_rows_without_raw_documents_are_named_and_left(two_hours: Platform) -> None:
    """Raw was lost: what stands in PostgreSQL may be all there is."""
    before = two_hours.stores.dump()
    with two_hours.stores.lake() as lake:
        oldest = lake["coin_snapshots"].find_one(sort=[("observed_at", 1)])["observed_at"]
        lake["coin_snapshots"].delete_many({"observed_at": oldest})

    rebuilt = two_hours.command("rebuild", "--to", f"{oldest:%Y-%m-%dT%H:59}")

    assert 1 == rebuilt.code
    key = f"{oldest:%Y-%m-%d-%H:00}"
    assert f"warehouse/coin_prices {key} has rows in PostgreSQL but no raw document" in rebuilt.text
    assert "0 of 0 partitions made again from raw; 1 things failed" in rebuilt.text
    assert before == two_hours.stores.dump()


def test_a_document_of_an_hour_that_dagster_does_not_know_stops_no_other(
    two_hours: Platform,
) -> None:
    """Another program's, of before 2018: it is named, and the rest is made."""
    with two_hours.stores.lake() as lake:
        lake["coin_snapshots"].insert_one(
            {"_id": "foreign-2017", "observed_at": datetime(2017, 12, 31, 23, tzinfo=UTC)}
        )

    rebuilt = two_hours.command("rebuild")

    assert 1 == rebuilt.code
    assert "process: 2017-12-31-23:00 lies before 2018 or has not begun" in rebuilt.text
    assert "2 of 3 partitions made again from raw" in rebuilt.text
    assert "Traceback" not in rebuilt.text


def test_an_empty_window_is_misuse(two_hours: Platform) -> None:
    """Swapped bounds must not look like a window without data."""
    finished = two_hours.command("rebuild", "--from", "2026-02-01", "--to", "2026-01-01")

    assert 2 == finished.code
    assert "--from 2026-02-01 00:00:00 is not before --to 2026-01-01 00:00:00" in finished.text
