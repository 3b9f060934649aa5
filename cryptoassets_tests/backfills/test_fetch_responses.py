"""Responses that cannot be used: their windows count as failed, and never as empty."""

import json
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from cryptoassets.backfills.fetch import HistoryFetch
from cryptoassets.coincap.client import CoinCapClient
from cryptoassets.coincap.documents import RawBatch
from cryptoassets.coincap.protocol import epoch_ms
from cryptoassets.coincap_server.exchange import HttpResponse, Request
from cryptoassets.coincap_server.sources import simulated_source
from cryptoassets.errors import MalformedResponseError
from cryptoassets_tests.backfills.history_passes import HISTORY, TWO_DAYS, Fetch, days, run_pass
from cryptoassets_tests.coincap.conftest import QUICK
from cryptoassets_tests.coincap.scripted import scripted_source
from cryptoassets_tests.coincap_server.fixtures import PlanFaults


def test_an_unreadable_response_is_stored_as_a_dead_letter(
    fetch: Fetch, plan_faults: PlanFaults
) -> None:
    """Users need the response to find the cause."""
    plan_faults({"route": "/assets/ethereum/history", "kind": "html"})

    batches = list(fetch("bitcoin", "ethereum"))

    (letter,) = [letter for batch in batches for letter in batch.dead_letters]
    assert b"" != letter["body"].encode()
    assert "failed" == batches[-1].windows[0]["outcome"]


@pytest.mark.parametrize("time", ["x", "1767571200000", 1767571200, None])
def test_a_window_whose_points_cannot_be_read_counts_as_failed(
    fetch: Fetch, plan_faults: PlanFaults, time: object
) -> None:
    """Windows with text or seconds in `time` used to be recorded as "empty", which hid the gap."""
    odd = {f"2026-01-05T{hour:02}:00:00.000Z": {"set": {"time": time}} for hour in range(24)}
    plan_faults({"route": "/assets/ethereum/history", "kind": "patch", "coins": odd})
    history_fetch = fetch("bitcoin", "ethereum", wanted=days(0, 0.5))

    batches = list(history_fetch)

    record = batches[-1].windows[-1]
    assert ("ethereum", "failed") == (record["coin_id"], record["outcome"])
    assert f'"time": {json.dumps(time)}'.replace(" ", "") in record["error"].replace(" ", "")
    assert 12 == len(batches[-1].dead_letters)
    assert (
        "ethereum: none of its 12 points can be used (bad_timestamp"
        in history_fetch.facts["failures"]
    )


def test_a_window_counts_as_failed_if_the_source_ignores_start_and_end() -> None:
    """A coin whose points were all outside the window was once recorded as having none."""
    simulator = simulated_source()

    def send_old_points(request: Request) -> HttpResponse:
        asked = {"start": "1700000000000", "end": "1700090000000"}
        is_ethereum = "ethereum" in request.path
        query = {**request.query, **(asked if is_ethereum else {})}
        return simulator.answer(replace(request, query=query))

    plan = {coin: [TWO_DAYS] for coin in ("bitcoin", "ethereum")}
    with scripted_source(send_old_points) as (url, _), CoinCapClient(url, retries=QUICK) as client:
        _, records = run_pass(HistoryFetch(client, "h1", "simulator", plan, TWO_DAYS[1]))

    assert ["points", "failed"] == [record["outcome"] for record in records]
    assert "25 points is between the requested start and end" in records[1]["error"]


def test_points_right_next_to_the_window_are_not_a_fault() -> None:
    """Many sources also return the point at the window's end; a new coin may have only this one."""
    simulator = simulated_source()
    end_ms = epoch_ms(TWO_DAYS[1])

    def send_end_only(request: Request) -> HttpResponse:
        asked = {"start": str(end_ms), "end": str(end_ms + 1)} if "ethereum" in request.path else {}
        return simulator.answer(replace(request, query={**request.query, **asked}))

    plan = {coin: [TWO_DAYS] for coin in ("bitcoin", "ethereum")}
    with scripted_source(send_end_only) as (url, _), CoinCapClient(url, retries=QUICK) as client:
        _, records = run_pass(HistoryFetch(client, "h1", "simulator", plan, TWO_DAYS[1]))

    assert ["points", "empty"] == [record["outcome"] for record in records]


def test_a_source_with_an_unknown_point_format_ends_the_pass(
    fetch: Fetch, plan_faults: PlanFaults, count_calls: Callable[[], Any]
) -> None:
    """If the pass went on, unreadable responses for a hundred coins would cost 40 credits each."""
    odd = {f"2026-01-05T{hour:02}:00:00.000Z": {"set": {"time": "x"}} for hour in range(24)}
    plan_faults({"route": HISTORY, "kind": "patch", "coins": odd})
    coins = ("bitcoin", "ethereum", "tether", "xrp", "solana", "cardano", "dogecoin")
    batches: list[RawBatch] = []

    with pytest.raises(MalformedResponseError, match="bitcoin, ethereum, tether, xrp, solana"):
        batches.extend(fetch(*coins, wanted=days(0, 0.5)))

    assert 5 == count_calls()["calls"][HISTORY]
    assert 5 * 12 == sum(len(batch.dead_letters) for batch in batches)
