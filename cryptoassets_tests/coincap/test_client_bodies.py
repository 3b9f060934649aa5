"""Unusual responses over real HTTP: broken parts are kept as dead letters, in bounded memory."""

import tracemalloc
from collections.abc import Callable
from datetime import UTC, datetime

import pytest

from cryptoassets.coincap.client import CoinCapClient
from cryptoassets.coincap.documents import dead_letter_of, raw_batch
from cryptoassets.errors import (
    MalformedResponseError,
)
from cryptoassets_tests.coincap_server.fixtures import PlanFaults

CountCalls = Callable[[], dict[str, dict[str, int]]]


@pytest.mark.parametrize(
    ("kind", "reason"),
    [
        ("html", "html"),
        ("truncated_gzip", "truncated"),
        ("bad_length", "truncated"),
        ("bad_utf8", "bad_utf8"),
        ("too_deep", "too_deep"),
        ("no_data", "no_data"),
    ],
)
def test_an_unreadable_response_becomes_a_dead_letter(
    client: CoinCapClient, plan_faults: PlanFaults, kind: str, reason: str
) -> None:
    """The dead letter contains the received body, the URL and a reason code."""
    plan_faults({"kind": kind})

    with pytest.raises(MalformedResponseError) as caught:
        client.snapshot(100)

    letter = dead_letter_of(caught.value, client.last_url, datetime.now(UTC))
    assert (200, reason) == (letter["status"], letter["reason"])
    assert "/assets?limit=100&offset=0" in letter["url"]
    assert letter["body"]


def test_a_byte_order_mark_is_ignored(client: CoinCapClient, plan_faults: PlanFaults) -> None:
    """Some gateways add a byte order mark."""
    plan_faults({"kind": "bom"})

    assert 100 == len(raw_batch(client.snapshot(100)).documents)


def test_a_huge_response_is_refused_in_bounded_memory(
    client: CoinCapClient, plan_faults: PlanFaults, count_calls: CountCalls
) -> None:
    """80 MB of spaces are sent as about 80 kB of gzip, so the decompressed size must be limited."""
    plan_faults({"kind": "huge", "megabytes": 80})
    client.source_kind()

    with pytest.raises(MalformedResponseError) as caught:
        client.snapshot(1)

    assert "too_large" == caught.value.reason
    assert 2**20 >= len(caught.value.body)
    assert 1 == count_calls()["calls"]["/assets"]


@pytest.mark.parametrize("timestamp", [0, 1795428000, 32503680000000, "1795428000000", None])
def test_an_impossible_timestamp_becomes_a_dead_letter(
    client: CoinCapClient, plan_faults: PlanFaults, timestamp: object
) -> None:
    """A timestamp in seconds instead of milliseconds would store the prices under 1970."""
    plan_faults({"kind": "timestamp", "value": timestamp})

    batch = raw_batch(client.snapshot(100))

    assert 0 == len(batch.documents)
    assert ["bad_timestamp"] == [letter["reason"] for letter in batch.dead_letters]


def test_broken_coins_do_not_affect_the_rest_of_the_page(
    client: CoinCapClient, plan_faults: PlanFaults
) -> None:
    """The page has three broken coins; the other 97 are stored."""
    coins = {
        "bitcoin": {"raw": {"priceUsd": "NaN"}},
        "ethereum": {"append": '"priceUsd":"1"'},
        "tether": {"set": {"name": "\ud800"}},
        "xrp": {"set": {"priceUsd": "1e-19", "rank": 4}, "delete": ["name"]},
    }
    plan_faults({"kind": "patch", "coins": coins})

    batch = raw_batch(client.snapshot(100))

    reasons = {letter["reason"] for letter in batch.dead_letters}
    payloads = {document["coin_id"]: document["payload"] for document in batch.documents}
    assert {"not_json", "duplicate_keys", "bad_text"} == reasons
    assert 97 == len(payloads)
    assert ("1e-19", 4, False) == (
        payloads["xrp"]["priceUsd"], payloads["xrp"]["rank"], "name" in payloads["xrp"]
    )  # fmt: skip


def test_the_same_response_gives_the_same_documents(
    client: CoinCapClient, plan_faults: PlanFaults
) -> None:
    """A source that repeats its response must not add documents to the lake."""
    plan_faults({"kind": "freeze"})

    first, second = raw_batch(client.snapshot(10)), raw_batch(client.snapshot(10))

    assert [d["_id"] for d in first.documents] == [d["_id"] for d in second.documents]


def test_many_calls_do_not_leak_memory(client: CoinCapClient) -> None:
    """A process that runs micro-batches makes thousands of calls."""
    for _ in range(5):
        client.snapshot(100)
    tracemalloc.start()
    before = tracemalloc.take_snapshot()
    for _ in range(10):
        client.snapshot(100)
    after = tracemalloc.take_snapshot()
    tracemalloc.stop()

    grown = sum(stat.size_diff for stat in after.compare_to(before, "filename"))

    assert grown < 200_000
