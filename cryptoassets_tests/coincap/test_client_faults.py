"""Each of CoinCap's errors over real HTTP: the call is retried only if a retry can help."""

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest

from cryptoassets.coincap.client import CoinCapClient
from cryptoassets.coincap.documents import raw_batch
from cryptoassets.coincap_server.server import SourceServer
from cryptoassets.errors import (
    BadKeyError,
    CoinNotFoundError,
    CreditsSpentError,
    EmptyResponseError,
    MalformedResponseError,
    RateLimitedError,
    RequestRefusedError,
    SourceError,
    SourceUnavailableError,
)
from cryptoassets_tests.coincap.conftest import QUICK
from cryptoassets_tests.coincap_server.fixtures import PlanFaults

CountCalls = Callable[[], dict[str, dict[str, int]]]
T0 = datetime(2026, 1, 5, tzinfo=UTC)
QUOTA = '{"error":"Forbidden: Monthly usage limit exceeded"}'


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
def test_a_temporary_fault_is_retried(
    client: CoinCapClient, plan_faults: PlanFaults, rule: dict[str, Any]
) -> None:
    """Two faults in a row are common for a public API."""
    plan_faults({**rule, "times": 2})

    assert 100 == len(raw_batch(client.snapshot(100)).documents)


@pytest.mark.parametrize(
    ("rule", "error", "words"),
    [
        ({"kind": "status", "status": 500}, SourceUnavailableError, "HTTP 500"),
        ({"kind": "reset"}, SourceUnavailableError, "broke the connection"),
        ({"kind": "status", "status": 429, "retry_after": "0"}, RateLimitedError, "too many"),
        ({"kind": "html"}, MalformedResponseError, "html"),
    ],
    ids=str,
)
def test_a_persistent_fault_is_raised_after_a_few_retries(
    client: CoinCapClient,
    plan_faults: PlanFaults,
    count_calls: CountCalls,
    rule: dict[str, Any],
    error: type[SourceError],
    words: str,
) -> None:
    """At most three calls are made, because each retry costs a credit."""
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
def test_a_permanent_fault_is_raised_at_once_with_its_remedy(
    client: CoinCapClient,
    plan_faults: PlanFaults,
    count_calls: CountCalls,
    rule: dict[str, Any],
    error: type[SourceError],
    remedy: str,
) -> None:
    """A wrong key, for example, is not retried."""
    plan_faults(rule)

    with pytest.raises(error, match=remedy) as caught:
        client.snapshot(100)

    assert error is type(caught.value)
    assert 1 == count_calls()["calls"]["/assets"]
    assert "A retry will not help" in str(caught.value)


def test_an_unknown_coin_is_named(client: CoinCapClient, count_calls: CountCalls) -> None:
    """The error has its own type, so that the caller can continue with other coins."""
    with pytest.raises(CoinNotFoundError, match="asdf not found"):
        client.history("asdf", "h1", T0, datetime(2026, 1, 6, tzinfo=UTC))

    assert 1 == count_calls()["calls"]["/assets/{slug}/history"]


def test_a_window_that_is_too_long_is_not_retried(client: CoinCapClient) -> None:
    """The same window would be refused again; the caller halves it."""
    with pytest.raises(SourceError, match="longest window of m1 is 1 days"):
        client.history("bitcoin", "m1", T0, datetime(2026, 1, 7, tzinfo=UTC))


@pytest.mark.parametrize("call", ["snapshot", "history", "rates"])
def test_an_empty_list_is_an_error(
    client: CoinCapClient, plan_faults: PlanFaults, call: str
) -> None:
    """If empty lists were accepted, a broken source could empty a table."""
    plan_faults({"kind": "empty"})
    calls: dict[str, Callable[[], Any]] = {
        "snapshot": lambda: client.snapshot(100),
        "history": lambda: client.history("bitcoin", "h1", T0, datetime(2026, 1, 6, tzinfo=UTC)),
        "rates": lambda: client.listing("/rates", (), 200),
    }

    with pytest.raises(EmptyResponseError, match="Nothing was stored"):
        calls[call]()


def test_a_redirect_is_not_followed(
    client: CoinCapClient, plan_faults: PlanFaults, count_calls: CountCalls
) -> None:
    """Following a redirect to another host would send the key to it."""
    plan_faults({"kind": "status", "status": 302})

    with pytest.raises(SourceError, match="the key is not sent"):
        client.snapshot(1)

    assert 1 == count_calls()["calls"]["/assets"]


def test_a_dropped_keep_alive_connection_is_replaced(
    source: SourceServer, plan_faults: PlanFaults
) -> None:
    """A long-running process calls once per minute, and servers close idle connections."""
    with CoinCapClient(source.url, retries=QUICK) as client:
        client.snapshot(1)
        plan_faults({"kind": "reset", "times": 1})

        assert client.snapshot(1).pages
