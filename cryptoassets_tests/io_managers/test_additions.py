"""Publishing only a partition's added files gives the same rows as publishing all files."""

from decimal import Decimal

import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from cryptoassets_tests.io_managers import warehouse
from cryptoassets_tests.io_managers.contexts import (
    PRICES,
    QUARANTINE,
    logged,
    materializations,
    write,
)
from cryptoassets_tests.io_managers.hours import TABLES, Hour, snapshot
from cryptoassets_tests.io_managers.rows import HOUR, judged, judged_row

pytestmark = [pytest.mark.postgres, pytest.mark.spark]

PRICE = "SELECT price_usd FROM warehouse.coin_prices WHERE raw_id = '1-0'"
CHANGED, PUBLISHED = [(Decimal(7),)], [(Decimal("1.5"),)]
CHANGE_A_DIGIT = "UPDATE warehouse.coin_prices SET price_usd = 7 WHERE raw_id = '1-0'"
"""A manual change of a price; only publishing the whole partition restores the price."""
KINDS = st.sampled_from(["valid", "valid", "superseded", "bad_id", "price_usd_missing"])
SNAPSHOTS = st.lists(st.lists(KINDS, min_size=1, max_size=5), min_size=2, max_size=3)


@settings(
    max_examples=3, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(snapshots=SNAPSHOTS)
def test_publishing_only_added_files_gives_the_same_rows_as_publishing_all_files(
    hour: Hour, snapshots: list[list[str]]
) -> None:
    """Table, quarantine and ledger are equal, whatever outcomes the added rows have."""
    hour.clear()
    hour.execute(f"TRUNCATE {TABLES}, warehouse.load_history")
    for minute, kinds in enumerate(snapshots):
        hour.add(snapshot(minute, *kinds))
        hour.publish()
    added = hour.dump()
    kept, actual = hour.checksums()

    hour.execute(f"TRUNCATE {TABLES}")
    hour.publish()

    assert hour.dump() == added
    assert kept == actual


def test_only_added_rows_are_written_and_a_manual_change_is_found(growing: Hour) -> None:
    """Published rows are not compared again, but the ledger's checksum reveals the change."""
    before = warehouse.versions(growing.database)
    growing.execute(CHANGE_A_DIGIT)

    context = growing.publish()

    after = warehouse.versions(growing.database)
    assert {"1-1", "1-2"} <= {name for name in before if before[name] == after[name]}
    assert {"2-0", "2-2"} == after.keys() - before.keys()
    assert [(HOUR, 6, 3, 2, 1)] == warehouse.ledger(growing.database)
    facts = logged(context)
    assert (1, 0, 6, 3) == tuple(
        facts[name]
        for name in ("rows written", "rows removed", "raw rows", "dagster/partition_row_count")
    )
    assert {"bad_id": 1, "price_usd_missing": 1} == (
        materializations(context)[QUARANTINE.to_user_string(), HOUR]["reasons"]
    )
    assert CHANGED == growing.ask(PRICE)
    kept, actual = growing.checksums()
    assert kept != actual
    growing.rewrite()
    growing.publish()
    assert PUBLISHED == growing.ask(PRICE)
    assert (kept, kept) == growing.checksums()


CAUSES = {
    "a missing row": "DELETE FROM warehouse.coin_prices WHERE raw_id = '1-1'",
    "an extra row": (
        "INSERT INTO warehouse.coin_prices SELECT 'x', observed_at, price_usd, market_cap_usd, "
        "volume_usd_24h, vwap_usd_24h, change_pct_24h, supply, max_supply, rank, source, "
        "fetched_at, 'x' FROM warehouse.coin_prices LIMIT 1"
    ),
    "a missing document in quarantine": "DELETE FROM warehouse.quarantine",
    "published by other code": "UPDATE warehouse.load_history SET files_hash = 'other'",
    "published before files were recorded": "UPDATE warehouse.load_history SET files_hash = NULL",
    "deleted history": "DELETE FROM warehouse.load_history",
    "deleted ledger": "DELETE FROM warehouse.loads",
    "published from other cleaned rows": "UPDATE warehouse.loads SET clean_checksum = '3:7'",
    "published without a checksum": "UPDATE warehouse.loads SET rows_checksum = NULL",
}


@pytest.mark.parametrize(
    "cause", [*CAUSES, "rewritten files", "a late document", "published without files"]
)
def test_the_whole_partition_is_published_unless_files_were_only_added(
    growing: Hour, cause: str
) -> None:
    """The restored price shows that all rows were compared."""
    match cause:
        case "rewritten files":
            growing.rewrite()
        case "a late document":
            late = pa.concat_tables([growing.files.popitem()[1], snapshot(0, "valid")])
            growing.rewrite()
            growing.add(late.slice(3))
            growing.add(late.slice(0, 3))
        case "published without files":
            (first, _) = growing.files.values()
            other = judged(judged_row("other", raw_id="other"))
            write(growing.postgres, PRICES, HOUR, pa.concat_tables([first.slice(0, 2), other]))
        case _:
            growing.execute(CAUSES[cause])
    growing.execute(CHANGE_A_DIGIT)

    growing.publish()
    found = growing.dump()

    assert PUBLISHED == growing.ask(PRICE)
    growing.execute(f"TRUNCATE {TABLES}")
    growing.publish()
    assert growing.dump() == found


def test_an_extra_row_in_the_time_range_of_the_added_rows_is_removed(growing: Hour) -> None:
    """Afterwards the table contains only rows from the files."""
    growing.execute(CAUSES["an extra row"])
    growing.execute(
        "UPDATE warehouse.coin_prices SET observed_at = '2026-10-31T23:02Z' WHERE raw_id = 'x'"
    )

    growing.publish()

    assert [(HOUR, 6, 3, 2, 1)] == warehouse.ledger(growing.database)
    kept, actual = growing.checksums()
    assert kept == actual
