"""Fetching history from the simulator, coin by coin, and recording the calls."""

from collections import Counter
from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any

import pytest

from cryptoassets.backfills import book
from cryptoassets.backfills.fetch import HistoryFetch
from cryptoassets.backfills.resource import BACKFILL_RETRIES, BACKFILL_TIMEOUTS
from cryptoassets.coincap.client import CoinCapClient
from cryptoassets.coincap.documents import RawBatch
from cryptoassets.coincap_server.server import SourceServer
from cryptoassets.errors import (
    BadKeyError,
    CreditsSpentError,
    EmptyResponseError,
    SourceUnavailableError,
)
from cryptoassets.partitions.spans import Span
from cryptoassets_tests.backfills.history_data import T0
from cryptoassets_tests.backfills.history_passes import HISTORY, TWO_DAYS, Fetch, days, run_pass
from cryptoassets_tests.coincap.conftest import QUICK, SHORT
from cryptoassets_tests.coincap_server.fixtures import PlanFaults


def test_no_point_is_lost_or_duplicated_where_windows_touch(fetch: Fetch) -> None:
    """61 days of h1 need three calls: for 30, 30 and 1 day."""
    documents, records = run_pass(fetch("bitcoin", wanted=days(0, 61)))

    assert 61 * 24 == len(documents) == len({document["_id"] for document in documents})
    assert [T0 + n * timedelta(hours=1) for n in range(61 * 24)] == sorted(
        document["observed_at"] for document in documents
    )
    assert [720, 720, 24] == [record["points"] for record in records]
    assert [days(0, 30), days(30, 60), days(60, 61)] == [
        (record["start"], record["end"]) for record in records
    ]


def test_windows_may_end_but_not_begin_after_the_requested_chunk(fetch: Fetch) -> None:
    """The run of one week requests a whole month, so later weeks of that month need no call."""
    documents, records = run_pass(fetch("bitcoin", wanted=days(0, 61), before=days(0, 7)[1]))

    assert [days(0, 30)] == [(record["start"], record["end"]) for record in records]
    assert 720 == len(documents)


def test_a_refused_window_is_halved_and_the_accepted_length_is_used_from_then_on(
    fetch: Fetch, plan_faults: PlanFaults, count_calls: Callable[[], Any]
) -> None:
    """The table of longest windows is not official: a run must not fail if the table is wrong."""
    plan_faults({"route": HISTORY, "kind": "status", "status": 400, "times": 2})

    documents, records = run_pass(fetch("bitcoin", "ethereum", wanted=days(0, 15)))

    assert 2 * 15 * 24 == len(documents)
    lengths = Counter(record["end"] - record["start"] for record in records)
    assert {timedelta(hours=90): 8} == dict(lengths)
    assert 10 == count_calls()["calls"][HISTORY]


def test_a_missing_coin_is_recorded_and_does_not_stop_other_coins(
    fetch: Fetch, plan_faults: PlanFaults
) -> None:
    """A 404 must not end a backfill, and the coin must not be requested again."""
    plan_faults({"route": "/assets/ethereum/history", "kind": "status", "status": 404})
    history_fetch = fetch("bitcoin", "ethereum", "tether", wanted=days(0, 61))

    documents, records = run_pass(history_fetch)

    assert {"bitcoin", "tether"} == {document["coin_id"] for document in documents}
    lost = [record for record in records if record["coin_id"] == "ethereum"]
    assert ["not_found"] == [record["outcome"] for record in lost]
    assert "ethereum" == history_fetch.facts["coins without history"]


def test_a_failed_coin_is_recorded_and_does_not_stop_other_coins(
    fetch: Fetch, plan_faults: PlanFaults
) -> None:
    """A failed window does not count as answered, so the next pass requests it again."""
    plan_faults({"route": "/assets/ethereum/history", "kind": "reset"})
    history_fetch = fetch("bitcoin", "ethereum", "tether")

    documents, records = run_pass(history_fetch)

    outcomes = {record["coin_id"]: record["outcome"] for record in records}
    assert {"bitcoin": "points", "ethereum": "failed", "tether": "points"} == outcomes
    assert 96 == len(documents)
    assert 1 == history_fetch.facts["coins failed"]
    assert "broke the connection" in records[1]["error"]


def test_a_source_that_is_down_is_not_called_for_every_coin(
    fetch: Fetch, plan_faults: PlanFaults, count_calls: Callable[[], Any]
) -> None:
    """A hundred coins with a minute of retries each would take more than an hour."""
    plan_faults({"route": HISTORY, "kind": "status", "status": 503})

    with pytest.raises(SourceUnavailableError):
        run_pass(fetch(*(f"coin-{number}" for number in range(50))))

    assert 5 * QUICK.attempts == count_calls()["calls"][HISTORY]


def test_a_pass_survives_long_rate_limiting(source: SourceServer, plan_faults: PlanFaults) -> None:
    """A backfill's retries outlast eight 429 responses followed by two resets."""
    assert BACKFILL_RETRIES.attempts < 8
    storm = {"route": HISTORY, "kind": "status", "status": 429, "retry_after": "0", "times": 8}
    plan_faults(storm, {"route": HISTORY, "kind": "reset", "after": 8, "times": 2})
    plan = {coin: [TWO_DAYS] for coin in ("bitcoin", "ethereum")}

    with CoinCapClient(source.url, retries=BACKFILL_RETRIES, timeouts=BACKFILL_TIMEOUTS) as patient:
        documents, records = run_pass(HistoryFetch(patient, "h1", "simulator", plan, TWO_DAYS[1]))

    assert (96, {"points"}) == (len(documents), {record["outcome"] for record in records})


@pytest.mark.parametrize("control", [None, ("tether", days(0, 1))])
def test_a_source_without_points_for_any_coin_leaves_no_record(
    fetch: Fetch, plan_faults: PlanFaults, control: tuple[str, Span] | None
) -> None:
    """`data: []` for every coin is a source fault; if recorded, it would hide the gap forever."""
    plan_faults({"route": HISTORY, "kind": "empty"})
    batches: list[RawBatch] = []

    with pytest.raises(EmptyResponseError, match="no history points for any of"):
        batches.extend(fetch("bitcoin", "ethereum", control=control))

    assert [] == [record for batch in batches for record in batch.windows]


def test_coins_without_points_are_recorded_when_another_coin_has_points(
    fetch: Fetch, plan_faults: PlanFaults
) -> None:
    """A coin that is not listed yet is no sign of an outage, even if it is requested alone."""
    plan_faults({"route": "/assets/bitcoin/history", "kind": "empty"})

    _, alone = run_pass(fetch("bitcoin", control=("tether", days(0, 1))))
    _, records = run_pass(fetch("bitcoin", "ethereum"))

    assert ["empty"] == [record["outcome"] for record in alone]
    assert ["empty", "points"] == [record["outcome"] for record in records]


class LimitedCredits:
    """A ledger that allows a fixed number of calls."""

    def __init__(self, calls: int) -> None:
        """Allow this many calls."""
        self._left = calls

    def reserve(self, route: str, estimated: int) -> None:  # noqa: ARG002 - needed by the protocol
        """Allow one call, or raise an error if none is left."""
        self._left -= 1
        if self._left < 0:
            raise CreditsSpentError(f"{route} was not called: spent")

    def count(self, ticket: None, counted: int) -> None:
        """Do nothing."""


def test_a_source_that_knows_no_coin_leaves_no_record(
    fetch: Fetch, plan_faults: PlanFaults
) -> None:
    """A wrong address answers 404 for each coin, which must not exclude the coins forever."""
    plan_faults({"route": HISTORY, "kind": "status", "status": 404})
    batches: list[RawBatch] = []

    with pytest.raises(EmptyResponseError, match="no history points for any of"):
        batches.extend(fetch("bitcoin", "ethereum", control=("tether", days(0, 1))))

    assert [] == [record for batch in batches for record in batch.windows]


@pytest.fixture
def two_call_client(source: SourceServer) -> Iterator[CoinCapClient]:
    """A client whose credits allow two calls."""
    ledger = LimitedCredits(2)
    with CoinCapClient(source.url, retries=QUICK, timeouts=SHORT, credits=ledger) as client:
        yield client


def test_spent_credits_end_the_pass_and_keep_earlier_responses(
    two_call_client: CoinCapClient,
) -> None:
    """Points that were paid for are stored; the missing ones can be fetched next month."""
    plan = {coin: [days(0, 1)] for coin in ("bitcoin", "ethereum", "tether")}
    history_fetch = HistoryFetch(two_call_client, "h1", "simulator", plan, days(0, 1)[1])

    documents, _ = run_pass(history_fetch)

    assert {"bitcoin", "ethereum"} == {document["coin_id"] for document in documents}
    assert "was not called: spent" in history_fetch.facts["stopped"]


def test_spent_credits_are_reported_even_if_no_call_returned_points(
    two_call_client: CoinCapClient, plan_faults: PlanFaults
) -> None:
    """No credits are left for the request of the control window, so no result is recorded."""
    plan_faults({"route": HISTORY, "kind": "empty"})
    plan = {coin: [days(0, 1)] for coin in ("bitcoin", "ethereum", "tether")}
    history_fetch = HistoryFetch(
        two_call_client, "h1", "simulator", plan, days(0, 1)[1], control=("tether", days(0, 1))
    )

    assert ([], []) == run_pass(history_fetch)
    assert "was not called: spent" in history_fetch.facts["stopped"]


def test_a_refused_key_ends_the_pass_at_once(fetch: Fetch, plan_faults: PlanFaults) -> None:
    """The key would be refused for every other coin, too."""
    plan_faults({"route": HISTORY, "kind": "status", "status": 401})

    with pytest.raises(BadKeyError):
        run_pass(fetch("bitcoin", "ethereum"))


def test_the_outcomes_are_described_in_the_docstring() -> None:
    """The docstring of `book` is the only description of the collection `history_windows`."""
    text = book.__doc__ or ""
    assert all(f"\n    {name} " in text for name in ("points", "empty", "not_found", "failed"))
