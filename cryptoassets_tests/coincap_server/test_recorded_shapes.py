"""The simulator's responses have the same form as CoinCap's recorded responses."""

import json
import re
from pathlib import Path
from typing import Any

import pytest

from cryptoassets.coincap_server.server import SourceServer
from cryptoassets_tests.coincap_server.fixtures import get_json

AT_18_PLACES = ("supply", "maxSupply", "marketCapUsd", "volumeUsd24Hr", "priceUsd")


def recorded(samples: Path, name: str) -> dict[str, Any]:
    """Return one recorded response."""
    response: dict[str, Any] = json.loads((samples / name).read_text())
    return response


def kinds_of(rows: list[dict[str, Any]]) -> dict[str, set[str]]:
    """Return the JSON types of each key's values, except null."""
    return {
        key: {type(row[key]).__name__ for row in rows if row[key] is not None} for key in rows[0]
    }


def test_a_coin_has_the_keys_and_types_of_v3_in_the_same_order(
    source: SourceServer, samples: Path
) -> None:
    """Code that works with the simulator must work with CoinCap."""
    theirs = recorded(samples, "v3-2025-12/assets.json")["data"]

    ours = get_json(f"{source.url}/assets?limit=2000")["data"]

    assert list(theirs[0]) == list(ours[0])
    assert kinds_of(theirs) == kinds_of(ours)


@pytest.mark.parametrize("key", AT_18_PLACES)
def test_amounts_have_18_places_as_in_v3(source: SourceServer, samples: Path, key: str) -> None:
    """v3 writes amounts with `%.18f`, so they include the digits of the binary double."""
    form = re.compile(r"\d{1,20}\.\d{18}")
    theirs = recorded(samples, "v3-2025-12/assets.json")["data"]

    ours = get_json(f"{source.url}/assets?limit=2000")["data"]

    for coin in (*theirs, *ours):
        assert coin[key] is None or form.fullmatch(coin[key])


def test_a_point_has_all_keys_of_v2_history(source: SourceServer, samples: Path) -> None:
    """The recorded v3 response has no circulatingSupply; the recorded v2 response has all keys."""
    theirs = recorded(samples, "v2-2023-03/history_bitcoin_h1.json")["data"]

    ours = get_json(f"{source.url}/assets/bitcoin/history?interval=h1")["data"]

    assert kinds_of(theirs) == kinds_of(ours)
    assert (720, 720) == (len(theirs), len(ours))
    assert all(re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:00:00\.000Z", row["date"]) for row in ours)


def test_rates_have_the_keys_and_types_of_v2(source: SourceServer, samples: Path) -> None:
    """No v3 response for rates has been recorded."""
    theirs = recorded(samples, "v2-2020-01-14/rates.json")["data"]

    ours = get_json(f"{source.url}/rates")["data"]

    assert kinds_of(theirs) == kinds_of(ours)
    assert {row["type"] for row in theirs} == {row["type"] for row in ours}


def test_every_recorded_coin_of_v3_is_simulated(source: SourceServer, samples: Path) -> None:
    """Slugs, explorers and tokens are those of v3."""
    ours = {coin["id"]: coin for coin in get_json(f"{source.url}/assets?limit=2000")["data"]}

    for coin in recorded(samples, "v3-2025-12/assets.json")["data"]:
        for key in ("symbol", "name", "explorer", "tokens"):
            assert coin[key] == ours[coin["id"]][key]
