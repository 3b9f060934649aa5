"""`run` quotes the source's own error messages, and loads exact values from odd responses.

All runs use one platform and one server, which gives each run a different response.
"""

import json
import time
from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

import pytest

from cryptoassets.coincap_server.exchange import HttpResponse, Request
from cryptoassets_tests.coincap.scripted import Script, json_response, page_response
from cryptoassets_tests.e2e.platforms import CommandResult, MakePlatform, Platform

pytestmark = [pytest.mark.spark, pytest.mark.mongo, pytest.mark.postgres]

REFUSALS: dict[str, tuple[HttpResponse, tuple[str, ...]]] = {
    "web page": (
        page_response(403, "Access denied", "<p>This site protects your credit card data.</p>"),
        ("something in front of CoinCap", 'a web page titled "Access denied"'),
    ),
    "credits": (
        json_response(402, {"error": "Payment Required: insufficient credits"}),
        ("credits are spent", "Payment Required: insufficient credits"),
    ),
    "plan": (
        json_response(403, {"error": "Your plan does not include this endpoint"}),
        ("plan does not cover this call", "Your plan does not include this endpoint"),
    ),
    "credits, status 200": (
        json_response(200, {"error": "You exceeded your monthly credit limit"}),
        ("credits are spent", "You exceeded your monthly credit limit"),
    ),
    "rate limit, status 200": (
        json_response(200, {"statusCode": 429, "message": "Rate limit. Try again in 1 seconds."}),
        ("too many calls", "Rate limit. Try again in 1 seconds.", "later retry can help"),
    ),
}
EXACT = "0.123456789012345678"


def coin_text(number: int, **changes: str) -> str:
    """The JSON text of a good coin; `changes` replaces the JSON texts of members."""
    members = {
        "id": f'"coin-{number}"',
        "rank": f'"{number + 1}"',
        "symbol": '"C"',
        "name": '"Coin"',
        "supply": '"10"',
        "maxSupply": "null",
        "marketCapUsd": '"20"',
        "volumeUsd24Hr": '"7"',
        "priceUsd": '"2"',
        "changePercent24Hr": '"-1.25"',
        "vwap24Hr": '"1.4"',
        "explorer": "null",
    } | changes
    return "{" + ",".join(f'"{name}":{text}' for name, text in members.items()) + "}"


def odd_page() -> HttpResponse:
    """Ten coins: one has unquoted numbers, one a tiny change, and one occurs twice."""
    coins = [
        coin_text(0, priceUsd=EXACT, marketCapUsd="null", volumeUsd24Hr="12345678901234567890.5"),
        coin_text(1, changePercent24Hr='"-3.3e-21"'),
        coin_text(2),
        coin_text(2, priceUsd='"3"', marketCapUsd='"30"'),
        *(coin_text(number) for number in range(3, 10)),
    ]
    stamp = int(time.time() * 1000)
    return json_response(200, f'{{"timestamp":{stamp},"data":[{",".join(coins)}]}}')


@dataclass(frozen=True)
class Results:
    """The output of each `run`, and the platform after the last run."""

    platform: Platform
    refused: dict[str, CommandResult]
    odd: CommandResult


@pytest.fixture(scope="module")
def results(make_platform: MakePlatform) -> Iterator[Results]:
    """Make all runs once for all tests."""
    responses = [json_response(404, {"error": "not yet"})]

    def answering(request: Request) -> HttpResponse:
        is_asked = request.path.endswith("/assets")
        return responses[-1] if is_asked else json_response(404, {"error": "no such path"})

    with make_platform(Script(answering), COINCAP_COINS="10") as platform:
        refused = {}
        for name, (wire, _) in REFUSALS.items():
            responses.append(wire)
            refused[name] = platform.command("run")
        responses.append(odd_page())
        yield Results(platform, refused, platform.command("run"))


@pytest.mark.parametrize("name", REFUSALS)
def test_run_names_the_cause_and_quotes_the_source(results: Results, name: str) -> None:
    """If `run` named a wrong cause, users would buy credits or replace a valid key."""
    finished = results.refused[name]

    assert 1 == finished.code, finished.text
    for words in REFUSALS[name][1]:
        assert words in finished.text


def test_values_of_an_odd_page_are_exact(results: Results) -> None:
    """A number without quotes keeps its digits, and a tiny change is rounded to zero."""
    rows: dict[str, tuple[Any, ...]] = {
        row[0]: row[1:]
        for row in results.platform.stores.rows(
            "SELECT coin_id, price_usd, volume_usd_24h, change_pct_24h FROM warehouse.coin_prices"
        )
    }

    assert 0 == results.odd.code, results.odd.text
    assert {f"coin-{number}" for number in range(10)} - {"coin-2"} == set(rows)
    exact = Decimal(EXACT), Decimal("12345678901234567890.5")
    assert exact == rows["coin-0"][:2]
    assert Decimal(0) == rows["coin-1"][2]


def test_a_coin_that_is_twice_in_a_page_is_quarantined_with_both_prices(results: Results) -> None:
    """Neither price is loaded, because nothing shows which one is right."""
    rows = results.platform.stores.rows("SELECT reasons, payload FROM warehouse.quarantine")

    assert [["contradictory_answer"]] * 2 == [reasons for reasons, _ in rows]
    assert {"2", "3"} == {json.loads(payload)["priceUsd"] for _, payload in rows}
    assert 0 == results.platform.command("audit").code
