"""After a wrong rule is corrected, `requeue` releases the affected documents exactly once."""

from decimal import Decimal

import pytest

from cryptoassets_tests.e2e import odd_values
from cryptoassets_tests.e2e.platforms import Platform
from cryptoassets_tests.e2e.stores import Dump
from cryptoassets_tests.e2e.wrong_rules import refuse_fully_mined_coins

pytestmark = [pytest.mark.spark, pytest.mark.mongo, pytest.mark.postgres]

LONG = "0.123456789012345678"
CODE = "supply_above_max_supply"
RELEASES = "SELECT raw_id, reasons, outcome FROM warehouse.quarantine_releases ORDER BY 1"
HOURS = "SELECT partition_key FROM warehouse.loads WHERE asset = 'warehouse/coin_prices'"
LEDGER_COUNTS = """
    SELECT raw_rows, loaded_rows, quarantined_rows, superseded_rows FROM warehouse.loads
    WHERE asset = 'warehouse/coin_prices'
"""


def process_with_a_wrong_rule(platform: Platform, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Quarantine the documents of all fully mined coins; return their raw ids."""
    (hour,) = platform.stores.rows(HOURS)[0]
    refuse_fully_mined_coins(monkeypatch)
    assert platform.execute("process", hour).success
    found = platform.stores.rows(
        f"SELECT raw_id FROM warehouse.quarantine WHERE reasons = '{{{CODE}}}' ORDER BY 1"  # noqa: S608 - a constant
    )
    assert found
    return [raw_id for (raw_id,) in found]


def without_release_records(dump: Dump) -> Dump:
    """The tables without `quarantine_releases`, to which every release adds a row."""
    return {name: rows for name, rows in dump.items() if name != "warehouse.quarantine_releases"}


def test_documents_that_a_corrected_rule_accepts_are_released_once(
    copy: Platform, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With the wrong rule nothing is released; with the right one, all tables are restored."""
    right = copy.stores.dump()
    refused = process_with_a_wrong_rule(copy, monkeypatch)

    before_requeue = copy.command("audit")
    still_wrong = copy.command("requeue")
    consistent = copy.command("audit")
    monkeypatch.undo()
    first, second = copy.command("requeue", "--reason", CODE), copy.command("requeue")

    assert (1, 0, 0) == (before_requeue.code, still_wrong.code, consistent.code), consistent.text
    words = "coins whose first_seen_at or last_seen_at has no published price"
    assert words in before_requeue.text, before_requeue.text
    assert "): judged by older rules: run `rebuild` or `requeue`" in before_requeue.text
    assert f"Rows of warehouse.coins corrected: {len(refused)} (" in still_wrong.text
    assert "0 documents released from 1 partition." in still_wrong.text
    assert (0, 0) == (first.code, second.code), first.text
    remaining = len(odd_values.REFUSED)
    assert f"{len(refused)} released, {remaining} remain: volume_usd_24h_malformed" in first.text
    assert "0 documents released from 1 partition." in second.text
    assert [(raw_id, [CODE], "loaded") for raw_id in refused] == copy.stores.rows(RELEASES)
    assert right == without_release_records(copy.stores.dump()) | {
        "warehouse.quarantine_releases": []
    }
    stored = odd_values.STORED
    assert [(stored, odd_values.LOADED, remaining, 0)] == copy.stores.rows(LEDGER_COUNTS)
    assert 0 == copy.command("audit").code


def test_rows_refused_by_the_current_rules_are_also_removed_from_the_marts(
    copy: Platform, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nothing is released, but the rows that the rules now refuse are removed."""
    refuse_fully_mined_coins(monkeypatch)
    before = copy.stores.count("warehouse.coin_prices")

    finished = copy.command("requeue")

    priced = copy.stores.rows("SELECT DISTINCT coin_id FROM warehouse.coin_prices ORDER BY 1")
    assert 0 == finished.code, finished.text
    assert "0 documents released from 1 partition." in finished.text
    assert len(priced) < before
    assert priced == copy.stores.rows("SELECT coin_id FROM marts.coin_daily ORDER BY 1")


def test_requeue_computes_the_marts_that_a_killed_requeue_did_not_reach(copy: Platform) -> None:
    """The killed `requeue` had released the document, so the quarantine no longer has its day."""
    ((hour,),) = copy.stores.rows(HOURS)
    copy.stores.rows(
        "INSERT INTO warehouse.quarantine_releases (asset, raw_id, released_at, partition_key, "
        "reasons, outcome, run_id) "
        "VALUES ('warehouse/coin_prices', 'x', now(), %s, ARRAY['rank_missing'], 'loaded', 'x')",
        hour,
    )
    copy.stores.rows("UPDATE warehouse.loads SET publication = nextval('warehouse.publications')")

    first, second = (copy.command("requeue", "--reason", "rank_missing") for _ in range(2))

    assert (0, 0) == (first.code, second.code), first.text
    assert f"✓ marts of {hour[:10]}" in first.text
    assert "Nothing is quarantined for rank_missing." == second.text.strip()


def test_a_reason_without_documents_starts_no_run(copy: Platform) -> None:
    """The command reports that nothing is quarantined for this reason."""
    finished = copy.command("requeue", "--reason", "rank_missing")

    assert (0, "Nothing is quarantined for rank_missing.") == (finished.code, finished.text)


def test_an_unknown_reason_exits_with_2(copy: Platform) -> None:
    """A typo in the reason must not look like an empty result."""
    finished = copy.command("requeue", "--reason", "rank_mising")

    assert 2 == finished.code
    words = "No rule and no dead letter has the code 'rank_mising'. Known: bad_currency, bad_id"
    assert words in finished.text


def test_a_dead_letter_that_can_be_read_now_is_published(copy: Platform) -> None:
    """An earlier version refused numbers without quotes and stored them as dead letters."""
    with copy.stores.lake() as lake:
        kept = lake["dead_letters"].find_one({"reason": "number_not_representable"})
        assert kept is not None
        body = kept["body"].replace("bitcoin-cash", "bitcoin-gold").replace("1" * 401, LONG)
        lake["dead_letters"].insert_one({**kept, "_id": "planted", "body": body})

    finished = copy.command("requeue", "--reason", "number_not_representable")
    unknown = copy.command("requeue", "--reason", "typo")

    published = "SELECT volume_usd_24h FROM warehouse.coin_prices WHERE coin_id = 'bitcoin-gold'"
    assert 0 == finished.code, finished.text
    assert "1 dead letter became 1 document. Dead letters left: 1." in finished.text
    assert [(Decimal(LONG),)] == copy.stores.rows(published)
    assert 0 == copy.command("audit").code
    assert 2 == unknown.code
    assert "number_not_representable" in unknown.text
