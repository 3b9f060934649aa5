"""Each row of CoinCap's error table, over real HTTP: retried as far as it can help, then typed."""

import socket
import threading
import time
import tracemalloc
from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime
from typing import Any

import pytest

from cryptoassets.coincap.client import CoinCapClient
from cryptoassets.coincap.documents import dead_letter_of, raw_batch
from cryptoassets.coincap.models import Timeouts
from cryptoassets.coincap.server import SourceServer
from cryptoassets.errors import (
    BadKeyError,
    CoinNotFoundError,
    CreditsSpentError,
    EmptyAnswerError,
    MalformedAnswerError,
    RateLimitedError,
    RequestRefusedError,
    SourceError,
    SourceUnavailableError,
)
from cryptoassets_tests.coincap.conftest import QUICK, PlanFaults

CountCalls = Callable[[], dict[str, dict[str, int]]]
T0 = datetime(2026, 1, 5, tzinfo=UTC)
QUOTA = '{"error":"Forbidden: Monthly usage limit exceeded"}'


def seconds_of(call: Callable[[], Any]) -> float:
    """Return how long a call took."""
    begin = time.monotonic()
    call()
    return time.monotonic() - begin


def seconds_until(error: type[SourceError], call: Callable[[], Any]) -> float:
    """Return how long a call took to fail."""
    begin = time.monotonic()
    with pytest.raises(error):
        call()
    return time.monotonic() - begin


@pytest.mark.parametrize(
    "rule",
    [
        {"kind": "status", "status": 500},
        {"kind": "status", "status": 502},
        {"kind": "status", "status": 503, "retry_after": "0"},
        {"kind": "status", "status": 429, "retry_after": "0"},
        {"kind": "reset"},
        {"kind": "html"},
        {"kind": "truncated_gzip"},
        {"kind": "bad_length"},
        {"kind": "bad_utf8"},
        {"kind": "too_deep"},
    ],
    ids=str,
)
def test_a_passing_fault_is_survived(
    client: CoinCapClient, plan_faults: PlanFaults, rule: dict[str, Any]
) -> None:
    """Two in a row are an ordinary day at a public API."""
    plan_faults({**rule, "times": 2})

    assert 100 == len(raw_batch(client.snapshot(100)).documents)


@pytest.mark.parametrize(
    ("rule", "error", "words"),
    [
        ({"kind": "status", "status": 500}, SourceUnavailableError, "HTTP 500"),
        ({"kind": "reset"}, SourceUnavailableError, "broke the connection"),
        ({"kind": "status", "status": 429, "retry_after": "0"}, RateLimitedError, "too many"),
        ({"kind": "html"}, MalformedAnswerError, "html"),
    ],
    ids=str,
)
def test_a_lasting_fault_ends_after_bounded_retries(
    client: CoinCapClient,
    plan_faults: PlanFaults,
    count_calls: CountCalls,
    rule: dict[str, Any],
    error: type[SourceError],
    words: str,
) -> None:
    """Each retry costs a credit: three calls, no more."""
    plan_faults(rule)

    with pytest.raises(error, match=words) as caught:
        client.snapshot(100)

    assert 3 == count_calls()["calls"]["/assets"]
    assert "tried 3 times" in str(caught.value)
    assert caught.value.is_retryable


@pytest.mark.parametrize(
    ("rule", "error", "remedy"),
    [
        ({"kind": "status", "status": 401}, BadKeyError, "COINCAP_API_KEY"),
        ({"kind": "status", "status": 403}, BadKeyError, "COINCAP_API_KEY"),
        ({"kind": "status", "status": 403, "body": QUOTA}, CreditsSpentError, "next month"),
        ({"kind": "deprecated"}, SourceError, "COINCAP_URL to https://rest.coincap.io/v3"),
        ({"kind": "status", "status": 404}, SourceError, "check COINCAP_URL"),
        ({"kind": "status", "status": 400}, RequestRefusedError, "was refused"),
    ],
    ids=str,
)
def test_what_no_retry_can_mend_fails_at_once_with_the_remedy(
    client: CoinCapClient,
    plan_faults: PlanFaults,
    count_calls: CountCalls,
    rule: dict[str, Any],
    error: type[SourceError],
    remedy: str,
) -> None:
    """A wrong key tried for an hour is an hour lost."""
    plan_faults(rule)

    with pytest.raises(error, match=remedy) as caught:
        client.snapshot(100)

    assert error is type(caught.value)
    assert 1 == count_calls()["calls"]["/assets"]
    assert "A retry will not help" in str(caught.value)


def test_an_unknown_coin_is_named(client: CoinCapClient, count_calls: CountCalls) -> None:
    """One 404 coin must not stop the others: the caller tells it by its type."""
    with pytest.raises(CoinNotFoundError, match="asdf not found"):
        client.history("asdf", "h1", T0, datetime(2026, 1, 6, tzinfo=UTC))

    assert 1 == count_calls()["calls"]["/assets/{slug}/history"]


def test_a_window_that_is_too_long_is_refused_for_good(client: CoinCapClient) -> None:
    """The caller halves it; the same window again would be refused again."""
    with pytest.raises(SourceError, match="longest window of m1 is 1 days"):
        client.history("bitcoin", "m1", T0, datetime(2026, 1, 7, tzinfo=UTC))


@pytest.mark.parametrize("call", ["snapshot", "history", "rates"])
def test_no_data_is_not_success(client: CoinCapClient, plan_faults: PlanFaults, call: str) -> None:
    """An empty list once emptied a table."""
    plan_faults({"kind": "empty"})
    calls: dict[str, Callable[[], Any]] = {
        "snapshot": lambda: client.snapshot(100),
        "history": lambda: client.history("bitcoin", "h1", T0, datetime(2026, 1, 6, tzinfo=UTC)),
        "rates": client.rates,
    }

    with pytest.raises(EmptyAnswerError, match="Nothing was stored"):
        calls[call]()


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
def test_an_unreadable_answer_leaves_evidence(
    client: CoinCapClient, plan_faults: PlanFaults, kind: str, reason: str
) -> None:
    """What came is kept as a dead letter, with the URL and a reason to group by."""
    plan_faults({"kind": kind})

    with pytest.raises(MalformedAnswerError) as caught:
        client.snapshot(100)

    letter = dead_letter_of(caught.value, client.last_url, datetime.now(UTC))
    assert (200, reason) == (letter["status"], letter["reason"])
    assert "/assets?limit=100&offset=0" in letter["url"]
    assert letter["body"]


def test_a_byte_order_mark_does_no_harm(client: CoinCapClient, plan_faults: PlanFaults) -> None:
    """Gateways add one."""
    plan_faults({"kind": "bom"})

    assert 100 == len(raw_batch(client.snapshot(100)).documents)


def test_a_huge_answer_is_refused_in_bounded_memory(
    client: CoinCapClient, plan_faults: PlanFaults, count_calls: CountCalls
) -> None:
    """200 MB of blanks travel as 200 kB of gzip: only the decompressed size tells."""
    plan_faults({"kind": "huge", "megabytes": 80})
    client.source_kind()

    with pytest.raises(MalformedAnswerError) as caught:
        client.snapshot(1)

    assert "too_large" == caught.value.reason
    assert 2**20 >= len(caught.value.body)
    assert 1 == count_calls()["calls"]["/assets"]


def test_a_server_that_drips_ends_at_the_deadline(
    source: SourceServer, plan_faults: PlanFaults
) -> None:
    """1 byte a second meets no read time-out, ever: 40 kB would take half a day."""
    plan_faults({"kind": "slow"})
    timeouts = Timeouts(read_seconds=1.5, total_seconds=1.5)

    with CoinCapClient(source.url, timeouts=timeouts) as client:
        took = seconds_until(SourceUnavailableError, lambda: client.snapshot(100))

    assert 1.3 < took < 2.2


def test_headers_that_drip_end_at_the_deadline_too() -> None:
    """They are read before any loop of ours runs: only cutting the line ends that."""

    def drip(listener: socket.socket) -> None:
        connection, _ = listener.accept()
        with connection, suppress(OSError):
            for letter in b"HTTP/1.1 200 OK\r\nX-Long: " + b"a" * 100:
                connection.sendall(bytes([letter]))
                time.sleep(0.1)

    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = threading.Thread(target=drip, args=(listener,))
        thread.start()
        url = f"http://127.0.0.1:{listener.getsockname()[1]}"
        with CoinCapClient(url, timeouts=Timeouts(total_seconds=0.5)) as client:
            took = seconds_until(SourceUnavailableError, lambda: client.snapshot(1))
        thread.join()

    assert 0.4 < took < 1


def test_a_silent_server_ends_at_the_read_time_out(
    source: SourceServer, plan_faults: PlanFaults
) -> None:
    """No byte at all within the read time-out is a passing fault."""
    plan_faults({"kind": "slow"})
    timeouts = Timeouts(read_seconds=0.2, total_seconds=5)

    with (
        CoinCapClient(source.url, timeouts=timeouts, retries=QUICK) as client,
        pytest.raises(SourceUnavailableError, match=r"silent for 0\.2 s"),
    ):
        client.snapshot(100)


@pytest.mark.parametrize("retry_after", ["1", "date"])
def test_retry_after_is_honoured_in_both_forms(
    client: CoinCapClient, plan_faults: PlanFaults, retry_after: str
) -> None:
    """Earlier would be refused again; much later wastes the run."""
    plan_faults({"kind": "status", "status": 429, "retry_after": retry_after, "times": 1})

    took = seconds_of(lambda: client.snapshot(1))

    assert 0.5 < took < 2.0


def test_a_wait_beyond_the_deadline_is_not_begun(
    client: CoinCapClient, plan_faults: PlanFaults
) -> None:
    """Who may wait 3 s does not sleep for an hour: he is told at once."""
    plan_faults({"kind": "status", "status": 429, "retry_after": "3600"})

    took = seconds_until(RateLimitedError, lambda: client.snapshot(1))

    assert took < 1


def test_a_redirect_is_not_followed_with_the_key(
    client: CoinCapClient, plan_faults: PlanFaults, count_calls: CountCalls
) -> None:
    """A redirect to another host would hand the key to it."""
    plan_faults({"kind": "status", "status": 302})

    with pytest.raises(SourceError, match="the key is not sent"):
        client.snapshot(1)

    assert 1 == count_calls()["calls"]["/assets"]


@pytest.mark.parametrize("timestamp", [0, 1795428000, 32503680000000, "1795428000000", None])
def test_an_impossible_timestamp_becomes_a_dead_letter(
    client: CoinCapClient, plan_faults: PlanFaults, timestamp: object
) -> None:
    """Seconds for milliseconds would file the prices under 1970."""
    plan_faults({"kind": "timestamp", "value": timestamp})

    batch = raw_batch(client.snapshot(100))

    assert 0 == len(batch.documents)
    assert ["bad_timestamp"] == [letter["reason"] for letter in batch.dead_letters]


def test_broken_coins_leave_the_rest_of_the_page(
    client: CoinCapClient, plan_faults: PlanFaults
) -> None:
    """97 good coins must not wait for three bad ones."""
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


def test_the_same_answer_again_is_the_same_documents(
    client: CoinCapClient, plan_faults: PlanFaults
) -> None:
    """A frozen upstream must not grow the lake."""
    plan_faults({"kind": "freeze"})

    first, second = raw_batch(client.snapshot(10)), raw_batch(client.snapshot(10))

    assert [d["_id"] for d in first.documents] == [d["_id"] for d in second.documents]


def test_a_dropped_keep_alive_connection_is_replaced(
    source: SourceServer, plan_faults: PlanFaults
) -> None:
    """A warm process calls once a minute; servers close idle connections."""
    with CoinCapClient(source.url, retries=QUICK) as client:
        client.snapshot(1)
        plan_faults({"kind": "reset", "times": 1})

        assert client.snapshot(1).pages


def test_many_calls_leave_no_memory_behind(client: CoinCapClient) -> None:
    """A day at one batch a minute."""
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
