"""A value is either exact in PostgreSQL or in quarantine with its reason."""

import json
from collections import Counter

import pytest

from cryptoassets_tests.e2e import odd_values
from cryptoassets_tests.e2e.platforms import Platform

pytestmark = [pytest.mark.spark, pytest.mark.mongo, pytest.mark.postgres]


@pytest.mark.parametrize("coin", odd_values.EXACT)
def test_a_storable_value_is_exact(odd_platform: Platform, coin: str) -> None:
    """No value passes through a double, neither JSON numbers nor amounts with 38 digits."""
    _, _, column, value = odd_values.EXACT[coin]

    rows = odd_platform.stores.rows(
        f"SELECT {column} FROM warehouse.coin_prices WHERE coin_id = %s",  # noqa: S608 - own column
        coin,
    )

    assert [(value,)] == rows


@pytest.mark.parametrize("coin", odd_values.REFUSED)
def test_an_unstorable_value_is_quarantined_with_its_reason(
    odd_platform: Platform, coin: str
) -> None:
    """The value must not become zero, NULL or a double."""
    reason = odd_values.REFUSED[coin][2]

    rows = odd_platform.stores.rows(
        "SELECT reasons FROM warehouse.quarantine WHERE raw_id LIKE %s", f"{coin}@%"
    )
    loaded = odd_platform.stores.rows("SELECT FROM warehouse.coin_prices WHERE coin_id = %s", coin)

    assert [] == loaded
    assert reason in rows[0][0]


@pytest.mark.parametrize("coin", odd_values.DEAD)
def test_a_coin_that_mongodb_would_change_is_a_dead_letter(
    odd_platform: Platform, coin: str
) -> None:
    """The other coins are stored, and the dead letter contains the original text."""
    reason = odd_values.DEAD[coin][2]

    letters = odd_platform.stores.documents("dead_letters")

    assert [reason] == [letter["reason"] for letter in letters if f'"{coin}"' in letter["body"]]


def test_the_other_coins_of_the_page_are_loaded(odd_platform: Platform) -> None:
    """One bad coin must not block the other 99."""
    counts = {"quarantined": len(odd_values.REFUSED), "valid": odd_values.LOADED}

    assert counts == odd_platform.stores.outcomes()
    assert odd_values.LOADED == odd_platform.stores.count("warehouse.coin_prices")
    assert 0 == odd_platform.results[0].code, odd_platform.results[0].text


def test_the_run_warns_of_the_share_in_quarantine_and_of_new_keys(odd_platform: Platform) -> None:
    """Warnings name the differences, even a key that looks like terminal markup."""
    text = odd_platform.results[0].text

    assert "clean/coin_prices quarantine_share" in text
    assert "clean/coin_prices payload_drift" in text
    assert "key '[/b] odd key' is new in 1 of 97 coins" in text
    assert "key 'priceUsd' is missing in 1 of 97 coins" in text


def test_raw_documents_keep_every_digit(odd_platform: Platform) -> None:
    """Quarantine and raw contain the original text, so that a later rule can judge it."""
    payloads = {doc["coin_id"]: doc["payload"] for doc in odd_platform.stores.documents()}
    quarantined = odd_platform.stores.rows("SELECT payload FROM warehouse.quarantine")
    texts = {json.loads(row[0])["id"]: json.loads(row[0]) for row in quarantined}

    assert "1" * 40 == payloads["solana"]["volumeUsd24Hr"]
    assert "१२" == texts["near-protocol"]["volumeUsd24Hr"]
    assert "priceUsd" not in payloads["tether"]
    assert Counter(dict.fromkeys(odd_values.REFUSED, 1)) == Counter(texts.keys())
