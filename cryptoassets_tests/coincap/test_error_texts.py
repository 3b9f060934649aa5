"""Error texts over real HTTP: only CoinCap's own JSON is interpreted, but any text is shown."""

from datetime import UTC, datetime
from typing import Any

import pytest

from cryptoassets.coincap.client import CoinCapClient
from cryptoassets.coincap_server.exchange import HttpResponse
from cryptoassets.errors import (
    BadKeyError,
    BlockedError,
    CoinNotFoundError,
    CreditsSpentError,
    EmptyResponseError,
    MalformedResponseError,
    PlanError,
    RateLimitedError,
    RequestRefusedError,
    SourceError,
    SourceUnavailableError,
)
from cryptoassets_tests.coincap.conftest import QUICK, SHORT
from cryptoassets_tests.coincap.scripted import json_response, page_response, scripted_source

KEY = "planted-7f3a9c51"
T0 = datetime(2026, 1, 5, tzinfo=UTC)
CREDIT_CARD = "<p>This site protects your credit card data, API key and quota. Ray ID: 8</p>"


def error_of(wire: HttpResponse) -> SourceError:
    """Return the error of a snapshot request to a server that always sends this response."""
    with (
        scripted_source(lambda _: wire) as (url, _),
        CoinCapClient(url, api_key=KEY, retries=QUICK, timeouts=SHORT) as client,
        pytest.raises(SourceError) as caught,
    ):
        client.snapshot(50)
    return caught.value


@pytest.mark.parametrize("status", [400, 401, 403, 404, 451])
def test_a_web_page_never_counts_as_an_error_from_coincap(status: int) -> None:
    """A block page that contains "credit card" must not be reported as spent credits."""
    error = error_of(page_response(status, "Access &amp; denied", CREDIT_CARD))

    assert BlockedError is type(error)
    assert "in front of CoinCap (a proxy, a firewall, another web server)" in str(error)
    assert f'(HTTP {status}: a web page titled "Access & denied")' in str(error)
    assert "A retry will not help" in str(error)


def test_a_page_instead_of_data_is_shown_by_its_title() -> None:
    """A captive portal answers every request with status 200."""
    error = error_of(page_response(200, "Sign in to HotelWifi"))

    assert MalformedResponseError is type(error)
    assert 'a web page titled "Sign in to HotelWifi"' in str(error)
    assert "Something in front of CoinCap answered in its place" in str(error)


def test_a_text_that_is_not_json_is_shown_but_not_interpreted() -> None:
    """A proxy's text may contain words such as "quota" that have nothing to do with CoinCap."""
    error = error_of(json_response(403, "Blocked by policy 12: quota of category Finance"))

    assert BlockedError is type(error)
    assert "Blocked by policy 12" in str(error)


@pytest.mark.parametrize(
    ("status", "words", "kind"),
    [
        (402, "Payment Required: insufficient credits", CreditsSpentError),
        (403, "Forbidden: Monthly usage limit exceeded", CreditsSpentError),
        (429, "You exceeded your monthly rate limit of credits", CreditsSpentError),
        (200, "You exceeded your monthly credit limit", CreditsSpentError),
        (402, "Payment Required", PlanError),
        (403, "Your plan does not include this endpoint", PlanError),
        (401, "Unknown user", BadKeyError),
        (200, "Invalid API key", BadKeyError),
        (200, "This version is deprecated", SourceError),
        (410, "This version is no longer supported", SourceError),
        (400, "credits must be a number", RequestRefusedError),
    ],
)
def test_coincaps_own_error_determines_the_cause_and_its_text_is_shown(
    status: int, words: str, kind: type[SourceError]
) -> None:
    """A wrong cause would suggest a wrong remedy, such as a new key or a larger plan."""
    error = error_of(json_response(status, {"error": words}))

    assert kind is type(error)
    assert words in str(error)
    assert not error.is_retryable
    assert "A retry will not help" in str(error)


@pytest.mark.parametrize(
    ("body", "kind"),
    [
        ({"message": "Quota exceeded"}, CreditsSpentError),
        ({"error": "Quota exceeded", "data": []}, CreditsSpentError),
        ({"data": {"message": "Quota exceeded"}}, CreditsSpentError),
        ({"error": {"code": 7, "message": "Quota exceeded"}}, CreditsSpentError),
        ({"message": ["Quota exceeded"], "error": "Forbidden"}, CreditsSpentError),
        ({"statusCode": 401, "message": "Quota of what?"}, CreditsSpentError),
        ({"statusCode": 401, "message": "Nope"}, BadKeyError),
        ({"statusCode": 404, "message": "No such path"}, SourceError),
    ],
    ids=str,
)
def test_every_common_form_of_a_json_error_is_read(
    body: dict[str, Any], kind: type[SourceError]
) -> None:
    """Gateways and frameworks nest and name errors differently, even with HTTP 200."""
    assert kind is type(error_of(json_response(200, body)))


@pytest.mark.parametrize(
    "wire",
    [
        json_response(200, {"statusCode": 429, "message": "Rate limit. Try again in 20 ms."}),
        json_response(200, {"error": "Too many requests, retry after 0 seconds"}),
        json_response(403, {"error": "Rate limit exceeded"}, **{"Retry-After": "0"}),
        json_response(200, {"error": "Internal error, please retry"}),
        json_response(200, {"statusCode": 503, "message": "Overloaded"}),
        page_response(502, "Bad gateway"),
    ],
    ids=lambda wire: wire.body.decode()[:50],
)
def test_a_temporary_error_is_retried_whatever_its_status(wire: HttpResponse) -> None:
    """The client waits before the retry if the response asks for it."""
    good = json_response(200, {"timestamp": 1795428000000, "data": [{"id": "bitcoin"}]})
    responses = iter([wire, good])

    with (
        scripted_source(lambda _: next(responses)) as (url, script),
        CoinCapClient(url, retries=QUICK, timeouts=SHORT) as client,
    ):
        client.snapshot(1)

    assert 2 == script.calls


@pytest.mark.parametrize(
    ("wire", "kind", "words"),
    [
        (
            json_response(200, {"statusCode": 429, "message": "Try again in 10 seconds."}),
            RateLimitedError,
            "too many calls (HTTP 429: Try again in 10 seconds.). A later retry can help, in 10 s",
        ),
        (
            json_response(200, {"error": "Internal error, please retry"}),
            MalformedResponseError,
            "bytes: Internal error, please retry). A later retry can help",
        ),
        (
            json_response(200, {"error": "Widget 7 fell over"}),
            MalformedResponseError,
            "bytes: Widget 7 fell over). A later retry can help",
        ),
        (
            page_response(502, "Bad gateway"),
            SourceUnavailableError,
            'the server failed (HTTP 502: a web page titled "Bad gateway")',
        ),
    ],
    ids=lambda value: getattr(value, "__name__", None),
)
def test_an_error_that_remains_after_retries_is_shown_with_its_text(
    wire: HttpResponse, kind: type[SourceError], words: str
) -> None:
    """The code `no_data` alone does not explain the cause."""
    error = error_of(wire)

    assert kind is type(error)
    assert words in str(error)


def test_a_coin_counts_as_unknown_only_if_coincap_itself_reports_it() -> None:
    """Unknown coins are not requested again, so a proxy's 404 page must not count."""
    kinds = []
    for wire in (
        json_response(404, {"error": "asdf not found"}),
        json_response(200, {"error": "asdf not found"}),
        page_response(404, "404 Not Found"),
        json_response(200, {"timestamp": 1795428000000, "data": []}),
    ):
        with (
            scripted_source(lambda _, wire=wire: wire) as (url, _),
            CoinCapClient(url, retries=QUICK) as client,
            pytest.raises(SourceError) as caught,
        ):
            client.history("asdf", "h1", T0, datetime(2026, 1, 6, tzinfo=UTC))
        kinds.append(type(caught.value))

    assert [CoinNotFoundError, CoinNotFoundError, BlockedError, EmptyResponseError] == kinds


@pytest.mark.parametrize(
    "body",
    [
        {"error": f"key {KEY} has no credits"},
        {"message": f"Bearer abcdef123456 refused; {KEY}"},
        f"<html><title>{KEY}</title></html>",
        {"error": "x" * 190 + KEY},
        {"error": f"\x1b[2J{KEY}" + "y" * 5000},
    ],
    ids=["json", "bearer", "title", "cut", "control"],
)
@pytest.mark.parametrize("status", [200, 403, 500])
def test_the_servers_text_is_redacted_and_shortened(status: int, body: Any) -> None:
    """The text is redacted before it is cut, and control characters are removed."""
    error = error_of(json_response(status, body))

    assert KEY[:8] not in str(error)
    assert "abcdef123456" not in str(error)
    assert "\x1b" not in str(error)
    assert len(str(error)) < 700


@pytest.mark.parametrize("levels", [500, 900, 5_000])
def test_a_deeply_nested_error_is_handled_like_any_other(levels: int) -> None:
    """The depth that Python can parse varies by version; no depth may cause a traceback."""
    body = '{"error":' * levels + '"deep"' + "}" * levels

    error = error_of(json_response(400, body))

    assert isinstance(error, RequestRefusedError)
