"""`audit` finds and names every difference between the stores.

Each test damages a copy of the same stores in one place.
"""

from datetime import UTC, datetime

import pytest
from bson import ObjectId

from cryptoassets_tests.e2e import odd_values
from cryptoassets_tests.e2e.platforms import Platform

NOT_AGAIN = "were not compared again"
PRICES = "warehouse/coin_prices: the ids of"

pytestmark = [pytest.mark.spark, pytest.mark.mongo, pytest.mark.postgres]


def hour_of(platform: Platform) -> str:
    """The partition that contains the snapshot."""
    return str(platform.stores.rows("SELECT partition_key FROM warehouse.loads")[0][0])


def test_consistent_stores_pass(copy: Platform) -> None:
    """If `audit` always failed, the tests below would prove nothing."""
    documents = odd_values.STORED + len(copy.stores.documents("rates"))

    audit = copy.command("audit")

    assert (0, True) == (audit.code, f"{documents} raw documents" in audit.text), audit.text


@pytest.mark.parametrize(
    ("statement", "words"),
    [
        (
            "DELETE FROM warehouse.coin_prices WHERE coin_id = 'bitcoin'",
            "1 valid rows are missing from the table (bitcoin@",
        ),
        (
            "DELETE FROM warehouse.quarantine WHERE raw_id LIKE 'solana@%'",
            "1 quarantined rows are missing from the quarantine (solana@",
        ),
        (
            "UPDATE warehouse.loads SET loaded_rows = loaded_rows + 1, raw_rows = raw_rows + 1",
            "the ledger shows",
        ),
        ("DELETE FROM warehouse.loads", "the ledger has no row for this partition"),
        (
            """
            INSERT INTO warehouse.quarantine
            SELECT raw_id, asset, partition_key, '{odd}', NULL, NULL, run_id
            FROM warehouse.coin_prices, warehouse.loads WHERE coin_id = 'bitcoin'
            """,
            "1 documents are both loaded and quarantined (bitcoin@",
        ),
        (
            "DELETE FROM warehouse.coins WHERE coin_id = 'bitcoin'",
            "1 coin with prices but no row in warehouse.coins (bitcoin)",
        ),
        (
            """
            UPDATE warehouse.coin_prices SET source = 'simulatör', price_usd = price_usd + 1e-18,
                vwap_usd_24h = NULL
            WHERE coin_id = 'bitcoin'
            """,
            "price_usd differs from the cleaned rows in 1 of 85 rows of the table (bitcoin@",
        ),
        (
            "UPDATE warehouse.coin_prices SET source = 'simulatör' WHERE coin_id = 'bitcoin'",
            "source differs from the cleaned rows in 1 of 85 rows of the table (bitcoin@",
        ),
        (
            "UPDATE warehouse.coins SET name = 'Bitcoin ð', rank = 7 WHERE coin_id = 'bitcoin'",
            "coins in warehouse.coins differ from their newest valid document (bitcoin: name, rank",
        ),
    ],
)
def test_damage_in_postgresql_is_named(copy: Platform, statement: str, words: str) -> None:
    """Damage may come from a user with psql, a restore of only one table, or a bug."""
    copy.stores.rows(statement)

    audit = copy.command("audit")

    assert 1 == audit.code
    assert words in audit.text


@pytest.fixture
def audited(copy: Platform) -> Platform:
    """A copy of the stores that has been audited once."""
    first = copy.command("audit")
    assert (0, False) == (first.code, NOT_AGAIN in first.text), first.text
    return copy


def test_unchanged_hours_are_compared_once_and_reported_with_the_date(audited: Platform) -> None:
    """An audit that compared all hours again would read years of unchanged data."""
    today = datetime.now(UTC).strftime("%Y-%m-%d")
    with audited.stores.lake() as lake:
        lost = lake["coin_snapshots"].find_one_and_delete({"coin_id": "bitcoin"})
        assert lost is not None
        lake["coin_snapshots"].insert_one({**lost, "_id": "planted"})

    second, full, third = (audited.command("audit", *options) for options in ([], ["--full"], []))

    skipped = f"{PRICES} {odd_values.STORED} raw documents in 1 hour {NOT_AGAIN}"
    assert (0, True, True) == (
        second.code,
        skipped in second.text,
        f"since these ids were last compared ({today}" in second.text,
    )
    assert (1, 1) == (full.code, third.code), third.text
    for found in (full, third):
        assert PRICES not in found.text
        assert "1 cleaned rows have no raw document (bitcoin@" in found.text
        assert "1 raw documents have not been processed yet (planted)" in found.text


@pytest.mark.parametrize(
    ("statement", "words"),
    [
        (
            "UPDATE warehouse.coin_prices SET supply = supply + 1e-18 WHERE coin_id = 'bitcoin'",
            "supply differs from the cleaned rows in 1 of 85 rows of the table (bitcoin@",
        ),
        (
            """
            INSERT INTO warehouse.coin_prices
            SELECT 'planted', observed_at, 1, 1, 1, 1, 1, 1, 1, 1, source, fetched_at, 'planted'
            FROM warehouse.coin_prices WHERE coin_id = 'bitcoin'
            """,
            "1 rows of the table are not valid rows of the cleaned partition (planted)",
        ),
        (
            "DELETE FROM warehouse.coin_prices WHERE coin_id = 'bitcoin'",
            "1 valid rows are missing from the table (bitcoin@",
        ),
        (
            "UPDATE warehouse.quarantine SET payload = payload || ' ' WHERE raw_id ~ '^solana@'",
            "rows of the quarantine have changed since they were published",
        ),
        (
            "UPDATE warehouse.quarantine SET reasons = '{odd}' WHERE raw_id ~ '^solana@'",
            "rows of the quarantine have changed since they were published",
        ),
        (
            """
            UPDATE warehouse.loads
            SET loaded_rows = loaded_rows - 1, superseded_rows = superseded_rows + 1
            """,
            "the ledger shows",
        ),
        (
            "UPDATE warehouse.loads SET rows_checksum = '1:1 1:1'",
            "rows of the table have changed since they were published",
        ),
        ("DELETE FROM warehouse.loads", "the ledger has no row for this partition"),
    ],
)
def test_a_change_in_postgresql_since_the_last_audit_is_found(
    audited: Platform, statement: str, words: str
) -> None:
    """The audit must compute the checksum from the rows; the stored checksum proves nothing."""
    audited.stores.rows(statement)

    audit = audited.command("audit")

    assert (1, True) == (audit.code, words in audit.text), audit.text


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        (b"PAR1", b"PAR2", "its Parquet cannot be read"),
        (b"parquet-cpp-arrow", b"parquet-cpp-Arrow", "bytes have changed since it was"),
    ],
    ids=["a byte needed to read the file", "a byte that no value depends on"],
)
def test_one_byte_changed_in_parquet_is_found(
    audited: Platform, old: bytes, new: bytes, words: str
) -> None:
    """A failing disk or an incomplete copy may damage a file that a rebuild would read."""
    [file] = audited.stores.clean.glob("coin_prices/*/*.parquet")
    before, _, after = file.read_bytes().rpartition(old)
    file.write_bytes(before + new + after)

    audit = audited.command("audit")

    assert (1, True) == (audit.code, words in audit.text), audit.text
    assert "`cryptoassets rebuild --from" in audit.text


def test_parquet_that_was_rewritten_is_compared_again(audited: Platform) -> None:
    """Materializing only `clean/coin_prices` is harmless, but makes the last comparison stale."""
    [file] = audited.stores.clean.glob("coin_prices/*/*.parquet")
    file.rename(file.with_name("part-of-another-run.parquet"))

    audit = audited.command("audit")

    assert (0, False) == (audit.code, PRICES in audit.text), audit.text


def test_a_document_that_another_program_wrote_is_named_and_then_quarantined(
    copy: Platform,
) -> None:
    """Spark's MongoDB connector would drop documents whose `_id` is not a string."""
    observed_at = copy.stores.documents()[0]["observed_at"]
    with copy.stores.lake() as lake:
        planted = lake["coin_snapshots"].insert_many(
            [
                {"_id": ObjectId(), "observed_at": observed_at, "payload": {"id": "planted"}},
                {"_id": "no payload", "observed_at": observed_at, "coin_id": "planted"},
            ]
        )
    before = copy.command("audit")
    processed = copy.execute("process", hour_of(copy))
    after = copy.command("audit")

    assert (1, 0) == (before.code, after.code), after.text
    assert "2 raw documents have not been processed yet (ObjectId:" in before.text
    assert processed.success
    rows = copy.stores.rows(
        "SELECT raw_id FROM warehouse.quarantine WHERE reasons = '{foreign_document}'"
    )
    assert {f"ObjectId:{planted.inserted_ids[0]}", "no payload"} == {row[0] for row in rows}


def test_a_document_without_time_is_named(copy: Platform) -> None:
    """Such a document belongs to no partition, so no run processes it."""
    with copy.stores.lake() as lake:
        lake["coin_snapshots"].insert_one({"_id": "timeless", "payload": {}})

    audit = copy.command("audit")

    assert 1 == audit.code
    assert (
        "1 document of coin_snapshots without a valid time and so without a partition (timeless)"
        in audit.text
    )


def test_a_deleted_raw_document_is_found(copy: Platform) -> None:
    """Raw documents are the only data that cannot be rebuilt."""
    with copy.stores.lake() as lake:
        lake["coin_snapshots"].delete_one({"coin_id": "bitcoin"})

    audit = copy.command("audit")

    assert 1 == audit.code
    assert "1 cleaned rows have no raw document (bitcoin@" in audit.text


def test_processing_an_hour_again_restores_a_deleted_row(copy: Platform) -> None:
    """Everything but the raw documents can be rebuilt byte for byte."""
    before = copy.stores.dump()
    copy.stores.rows("DELETE FROM warehouse.coin_prices")
    copy.stores.rows("DELETE FROM warehouse.quarantine")

    processed = copy.execute("process", hour_of(copy))

    assert processed.success
    assert before == copy.stores.dump()
