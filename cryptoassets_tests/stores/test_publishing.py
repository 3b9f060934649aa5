"""The statements of a publication write exactly the expected rows, counts and ledger."""

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pyarrow as pa
import pytest
from psycopg import sql
from psycopg.rows import dict_row

from cryptoassets.schemas import COIN_DAILY, COINS, MARKET_DAILY, QUARANTINE
from cryptoassets.schemas.arrow import arrow_schema
from cryptoassets.stores import publishing
from cryptoassets.stores.copying import stage, staging_name
from cryptoassets.stores.publishing import Changes, Checksums, Load

HOUR = "2026-10-31-23:00"
ASSET = "warehouse/coin_prices"
SEEN = datetime(2026, 10, 31, 23, tzinfo=UTC)
LOAD = Load(4, 1, 2, 1, ASSET, HOUR, "run 1")
STAGED_COINS = sql.Identifier(staging_name(COINS))


def rows_of(cursor: publishing.Cursor, query: str) -> list[dict[str, Any]]:
    """Read rows as dictionaries."""
    with cursor.connection.cursor(row_factory=dict_row) as reader:
        return reader.execute(query).fetchall()


def coin(coin_id: str, minutes: int = 0, **changes: Any) -> dict[str, Any]:
    """A coin that was seen in one snapshot, `minutes` after `SEEN`."""
    seen_at = SEEN + timedelta(minutes=minutes)
    row = {"coin_id": coin_id, "symbol": "BTC", "name": "Bitcoin", "rank": 1, "max_supply": None}
    return row | {"explorer": None, "first_seen_at": seen_at, "last_seen_at": seen_at} | changes


def stage_coins(cursor: publishing.Cursor, *coins: dict[str, Any]) -> None:
    """Stage coins; they replace coins that were staged before."""
    cursor.execute(sql.SQL("DROP TABLE IF EXISTS {}").format(STAGED_COINS))
    stage(cursor, COINS, pa.Table.from_pylist([*coins], schema=arrow_schema(COINS)))


def refused(cursor: publishing.Cursor, *ids: str, **changes: Any) -> sql.Composable:
    """Stage quarantined documents; they replace documents that were staged before."""
    staged = sql.Identifier(staging_name(QUARANTINE))
    cursor.execute(sql.SQL("DROP TABLE IF EXISTS {}").format(staged))
    row = {"asset": ASSET, "partition_key": HOUR, "reasons": ["bad_id"], "payload": "{}"}
    row |= {"first_seen_at": SEEN, "run_id": "run 1"} | changes
    rows = [{"raw_id": one} | row for one in ids]
    stage(cursor, QUARANTINE, pa.Table.from_pylist(rows, schema=arrow_schema(QUARANTINE)))
    return staged


def loaded(*ids: str) -> sql.Composable:
    """A query that returns the ids of valid staged rows."""
    return sql.SQL("(SELECT unnest({}::text[]) AS raw_id)").format(sql.Literal([*ids]))


@pytest.mark.parametrize(
    ("changes", "is_any"),
    [(Changes(), False), (Changes(1, 0), True), (Changes(0, 1), True)],
)
def test_one_written_or_removed_row_is_a_change(changes: Changes, *, is_any: bool) -> None:
    """Without a change, marts are not computed again."""
    assert is_any == bool(changes)
    assert Changes(3 + changes.rows_written, 5 + changes.rows_removed) == Changes(3, 5) + changes


@pytest.mark.postgres
def test_rows_in_scope_are_replaced_and_changes_are_counted(cursor: publishing.Cursor) -> None:
    """An empty scope is filled by a plain INSERT; later, unchanged rows are not written again."""
    scope = sql.SQL("coin_id LIKE 'b%%'")
    stage_coins(cursor, coin("a"))
    cursor.execute(publishing.insert_staged(COINS, STAGED_COINS))
    stage_coins(cursor, coin("b1"), coin("b2"), coin("b3"))

    first = publishing.replace_rows(cursor, COINS, scope)
    stage_coins(cursor, coin("b1"), coin("b2", rank=2), coin("b4"))
    second = publishing.replace_rows(cursor, COINS, scope, STAGED_COINS)
    stage_coins(cursor, coin("b1", rank=9), coin("b2", rank=2), coin("b4", name="x"))
    third = publishing.merge_rows(cursor, COINS, scope, STAGED_COINS, ignored=("rank",))

    assert (Changes(3, 0), Changes(2, 1), Changes(1, 0)) == (first, second, third)
    found = rows_of(cursor, "SELECT coin_id, rank, name FROM warehouse.coins ORDER BY 1")
    assert [("a", 1, "Bitcoin"), ("b1", 1, "Bitcoin"), ("b2", 2, "Bitcoin"), ("b4", 1, "x")] == [
        tuple(row.values()) for row in found
    ]


@pytest.mark.postgres
def test_the_quarantine_of_a_partition_is_replaced_and_releases_are_recorded(
    cursor: publishing.Cursor,
) -> None:
    """A released document was either loaded, or superseded by a later response."""
    other = refused(cursor, "elsewhere", partition_key="2026-10-31-22:00")
    publishing.add_to_quarantine(cursor, other)
    staged = refused(cursor, "stays", "passes", "replaced")
    first = publishing.replace_quarantine(cursor, LOAD, loaded(), staged)
    staged = refused(cursor, "stays", run_id="run 2")

    second = publishing.replace_quarantine(
        cursor, replace(LOAD, run_id="run 2"), loaded("passes", "new"), staged
    )

    assert ((Changes(3, 0), 0), (Changes(0, 2), 2)) == (first, second)
    found = rows_of(cursor, "SELECT raw_id, run_id FROM warehouse.quarantine ORDER BY 1")
    assert [("elsewhere", "run 1"), ("stays", "run 1")] == [tuple(row.values()) for row in found]
    releases = rows_of(
        cursor,
        "SELECT released_at = now() AS is_now, asset, raw_id, partition_key, reasons, "
        "first_seen_at, outcome, run_id FROM warehouse.quarantine_releases ORDER BY raw_id",
    )
    common = {"is_now": True, "asset": ASSET, "partition_key": HOUR, "reasons": ["bad_id"]}
    common |= {"first_seen_at": SEEN, "run_id": "run 2"}
    assert releases == [
        common | {"raw_id": "passes", "outcome": "loaded"},
        common | {"raw_id": "replaced", "outcome": "superseded"},
    ]


@pytest.mark.postgres
def test_a_document_is_added_to_the_quarantine_only_once(cursor: publishing.Cursor) -> None:
    """A new snapshot of the current hour keeps the quarantined documents of earlier snapshots."""
    publishing.add_to_quarantine(cursor, refused(cursor, "a", "b"))

    again = publishing.add_to_quarantine(cursor, refused(cursor, "b", "c", run_id="run 2"))

    assert Changes(1, 0) == again
    assert {"bad_id": 3} == publishing.count_reasons(cursor, ASSET, HOUR)


@pytest.mark.postgres
def test_rows_and_reasons_of_a_partition_are_counted(cursor: publishing.Cursor) -> None:
    """The most frequent reason comes first; other partitions and assets do not count."""
    for ids, changes in (
        (("a", "b"), {"reasons": ["b", "z"]}),
        (("c",), {"reasons": ["a", "b"]}),
        (("d",), {"partition_key": "2026-10-31-22:00"}),
        (("e",), {"asset": "warehouse/coin_price_history"}),
    ):
        publishing.add_to_quarantine(cursor, refused(cursor, *ids, **changes))
    stage_coins(cursor, coin("in"), coin("out"))
    cursor.execute(publishing.insert_staged(COINS, STAGED_COINS))

    scope = sql.SQL("coin_id = 'in'")
    counts = publishing.count_rows(cursor, COINS, scope, ASSET, HOUR)

    assert (1, 3) == counts
    reasons = publishing.count_reasons(cursor, ASSET, HOUR)
    assert [("b", 3), ("z", 2), ("a", 1)] == [*reasons.items()]


@pytest.mark.postgres
def test_the_newest_observation_describes_a_coin(cursor: publishing.Cursor) -> None:
    """An older observation only changes `first_seen_at`; an unchanged coin is not written."""
    stage_coins(cursor, coin("a", 5, name="now"), coin("b", 5))
    new = publishing.merge_coins(cursor)
    stage_coins(cursor, coin("a", 1, name="old"), coin("b", 5))
    older = publishing.merge_coins(cursor)
    stage_coins(cursor, coin("a", 5, name="same time", rank=2), coin("b", 4))

    same = publishing.merge_coins(cursor)

    assert [Changes(2), Changes(1), Changes(2)] == [new, older, same]
    found = rows_of(cursor, "TABLE warehouse.coins")
    later = {"last_seen_at": SEEN + timedelta(minutes=5)}
    assert [
        coin("a", 1, name="same time", rank=2) | later,
        coin("b", 4) | later,
    ] == sorted(found, key=lambda row: str(row["coin_id"]))


@pytest.mark.postgres
def test_the_ledger_keeps_the_number_of_the_publication_that_changed_rows(
    cursor: publishing.Cursor,
) -> None:
    """Otherwise marts would be stale after each run that changes nothing."""
    publishing.write_ledger(cursor, LOAD, Checksums("clean", "rows"), 7)
    (first,) = rows_of(cursor, "SELECT *, loaded_at = now() AS is_now FROM warehouse.loads")
    second_load = replace(LOAD, raw_rows=5, loaded_rows=2, run_id="run 2")

    publishing.write_ledger(cursor, second_load, Checksums(None, "other"), 0)

    (second,) = rows_of(cursor, "SELECT *, loaded_at = now() AS is_now FROM warehouse.loads")
    counts = {"raw_rows": 4, "loaded_rows": 1, "quarantined_rows": 2, "superseded_rows": 1}
    assert first | counts == first
    assert ("run 1", "clean", "rows", 7, True, None) == tuple(
        first[name]
        for name in (
            "run_id",
            "clean_checksum",
            "rows_checksum",
            "publication",
            "is_now",
            "expired_at",
        )
    )
    changed = {"raw_rows": 5, "loaded_rows": 2, "run_id": "run 2"}
    assert first | changed | {"clean_checksum": None, "rows_checksum": "other"} == second


def test_missing_rows_are_deleted_only_within_the_partition() -> None:
    """Without the scope a rerun would delete all other partitions."""
    scope = publishing.in_window("day", (date(2026, 10, 31), date(2026, 11, 1)))

    staged = sql.Identifier("staged_market_daily")

    statement = publishing.delete_unstaged(MARKET_DAILY, scope, staged).as_string(None)

    assert (
        'DELETE FROM "marts"."market_daily" AS there '
        "WHERE \"day\" >= '2026-10-31'::date AND \"day\" < '2026-11-01'::date "
        'AND NOT EXISTS (SELECT FROM "staged_market_daily" AS staged '
        'WHERE staged."day" = there."day")'
    ) == statement


def test_equal_rows_are_not_updated() -> None:
    """IS DISTINCT FROM treats NULLs as equal. Ignored columns are written but not compared."""
    staged = sql.Identifier("staged_market_daily")

    statement = publishing.merge_staged(MARKET_DAILY, staged, ignored=("coins",)).as_string(None)

    _, merge = statement.split(" ON CONFLICT ")
    assert merge.startswith('("day") DO UPDATE SET "market_cap_usd" = EXCLUDED."market_cap_usd"')
    assert '"coins" = EXCLUDED."coins"' in merge
    compared = merge.partition(" WHERE ")[2]
    assert ") IS DISTINCT FROM (" in compared
    assert '"there"."losers"' in compared
    assert '"coins"' not in compared


def test_keys_of_several_columns_are_matched_by_all_of_them() -> None:
    """The same coin on another day is another row."""
    scope = publishing.in_window("day", (date(2026, 10, 31), date(2026, 11, 1)))

    staged = sql.Identifier("staged_coin_daily")

    statement = publishing.delete_unstaged(COIN_DAILY, scope, staged).as_string(None)

    assert 'staged."coin_id" = there."coin_id" AND staged."day" = there."day"' in statement
    merge = publishing.merge_staged(COIN_DAILY, staged).as_string(None)
    assert 'ON CONFLICT ("coin_id", "day")' in merge
