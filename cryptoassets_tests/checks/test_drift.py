"""Schema drift: differences are listed, most frequent first; known variants are accepted."""

import json
from typing import Any

import pytest

from cryptoassets.coincap.lossless import ExactNumber
from cryptoassets.transforms.drift import drift

COIN: dict[str, Any] = {
    "id": "bitcoin",
    "rank": "1",
    "symbol": "BTC",
    "name": "Bitcoin",
    "supply": "1",
    "maxSupply": None,
    "marketCapUsd": "1",
    "volumeUsd24Hr": "1",
    "priceUsd": "1",
    "changePercent24Hr": "-1",
    "vwap24Hr": None,
}


def payload(*without: str, **changes: object) -> str:
    """Return a coin's payload with changes."""
    coin = COIN | changes
    return json.dumps({name: value for name, value in coin.items() if name not in without})


@pytest.mark.parametrize(
    "changes", [{}, {"explorer": None}, {"explorer": "https://x", "tokens": {"1": ["0x"]}}]
)
def test_every_recorded_form_of_a_coin_is_known(changes: dict[str, Any]) -> None:
    """The first responses of API v2 had no `explorer`; API v3 added `tokens`."""
    assert [] == drift([payload(**changes)])


@pytest.mark.parametrize(
    ("text", "change"),
    [
        (payload(beta="1"), "key 'beta' is new"),
        (payload("vwap24Hr"), "key 'vwap24Hr' is missing"),
        (payload(priceUsd=5), "key 'priceUsd' is a JSON number"),
        (payload(priceUsd=5.5), "key 'priceUsd' is a JSON number"),
        (payload(priceUsd=ExactNumber("1e400")), "key 'priceUsd' is a JSON number"),
        (payload(name=["Bitcoin"]), "key 'name' is a JSON array"),
        (payload(tokens="none"), "key 'tokens' is a JSON string"),
    ],
)
def test_differences_are_named_and_counted(text: str, change: str) -> None:
    """The message shows which key to look for in CoinCap's change log."""
    assert [f"{change} in 1 of 2 coins"] == drift([text, payload()])


def test_a_renamed_key_is_reported_as_one_missing_and_one_new_key() -> None:
    """The most frequent difference comes first."""
    renamed = payload("priceUsd", price="1")

    found = drift([renamed, renamed, payload(beta="1")])

    assert {"key 'price' is new in 2 of 3 coins", "key 'priceUsd' is missing in 2 of 3 coins"} == (
        set(found[:2])
    )
    assert "key 'beta' is new in 1 of 3 coins" == found[2]
