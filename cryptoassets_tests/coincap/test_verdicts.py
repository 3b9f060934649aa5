"""Responses after which a call is not retried: the error's class and message, without the key."""

import json
from datetime import UTC, datetime

import pytest

from cryptoassets.coincap.redaction import BearerKey
from cryptoassets.coincap.transport import NoResponse, Received
from cryptoassets.coincap.verdicts import CallFailure, verdict
from cryptoassets.errors import (
    BadKeyError,
    BlockedError,
    CoinNotFoundError,
    CreditsSpentError,
    MalformedResponseError,
    PlanError,
    RequestRefusedError,
    SourceError,
)

KEY = BearerKey("planted-7f3a9c51")
URL = "https://rest.coincap.io/v3/assets?limit=5"
AT = datetime(2026, 1, 5, 10, 0, 18, tzinfo=UTC)
PAGE = b"<html><title>Sign in</title></html>"


def received(status: int, body: bytes | str = b"", **headers: str) -> Received:
    """Return a response; a `str` body is sent as the value of `error` in a JSON object."""
    content = json.dumps({"error": body}).encode() if isinstance(body, str) else body
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return Received(status, named, content, AT)


def shown(sentence: str) -> str:
    """Return an expected message on one line, with the URL filled in."""
    return " ".join(sentence.split()).replace("<url>", URL)


def failure_of(
    outcome: Received | NoResponse, *, url: str = URL, key: BearerKey = KEY
) -> CallFailure:
    """Return the verdict on an outcome; it must be a failure."""
    failure = verdict(url, outcome, key)
    assert isinstance(failure, CallFailure)
    return failure


@pytest.mark.parametrize(
    ("outcome", "kind", "sentence"),
    [
        (
            received(402, "insufficient credits"),
            CreditsSpentError,
            """
            GET <url>: the month's CoinCap credits are spent (HTTP 402: insufficient credits). A
            retry will not help before the next month (UTC); get a larger plan or lower
            COINCAP_COINS
            """,
        ),
        (
            received(403, "Not in your plan"),
            PlanError,
            """
            GET <url>: your CoinCap plan does not cover this call (HTTP 403: Not in your plan).
            A retry will not help; get a plan that does, or set COINCAP_API_KEY to a key of such
            a plan
            """,
        ),
        (
            received(401, "Unknown user planted-7f3a9c51"),
            BadKeyError,
            """
            GET <url>: the API key was refused (HTTP 401: Unknown user ***). A retry will not
            help; set COINCAP_API_KEY to a valid key
            """,
        ),
        (
            received(200, "Invalid API key"),
            BadKeyError,
            """
            GET <url>: the API key was refused (HTTP 200: Invalid API key). A retry will not
            help; set COINCAP_API_KEY to a valid key
            """,
        ),
        (
            received(403, PAGE),
            BlockedError,
            """
            GET <url>: something in front of CoinCap (a proxy, a firewall, another web server)
            answered in its place (HTTP 403: a web page titled "Sign in"). A retry will not help
            until it lets this machine through; check its configuration and COINCAP_URL
            """,
        ),
        (
            received(401, PAGE),
            BlockedError,
            """
            GET <url>: something in front of CoinCap (a proxy, a firewall, another web server)
            answered in its place (HTTP 401: a web page titled "Sign in"). A retry will not help
            until it lets this machine through; check its configuration and COINCAP_URL and
            COINCAP_API_KEY
            """,
        ),
        (
            received(302, location="https://user:secret@other.example/login"),
            SourceError,
            """
            GET <url> was refused (HTTP 302). A retry will not help; it redirects to
            other.example, where the key is not sent; set COINCAP_URL
            """,
        ),
        (
            received(301),
            SourceError,
            """
            GET <url> was refused (HTTP 301). A retry will not help; it redirects to nowhere,
            where the key is not sent; set COINCAP_URL
            """,
        ),
        (
            received(400, "limit is too large"),
            RequestRefusedError,
            """
            GET <url> was refused (HTTP 400: limit is too large). A retry will not help; check
            COINCAP_URL
            """,
        ),
        (
            received(404, "deprecated"),
            SourceError,
            """
            GET <url>: there is no such route (HTTP 404: deprecated). A retry will not help;
            check COINCAP_URL
            """,
        ),
        (
            received(410, "This version is deprecated"),
            SourceError,
            """
            GET <url>: this version of the API is closed or deprecated (HTTP 410: This version
            is deprecated). A retry will not help; set COINCAP_URL to https://rest.coincap.io/v3
            and COINCAP_API_KEY to a key for it
            """,
        ),
        (
            Received(200, {}, b"abc", AT, "too_large"),
            MalformedResponseError,
            """
            GET <url> returned a response that cannot be read (more than 67108864 bytes, HTTP
            200, 3 bytes). A later retry can help; if the error persists, read the response in
            `dead_letters` and check COINCAP_URL
            """,
        ),
        (
            received(200, b'{"timestamp":1}'),
            MalformedResponseError,
            """
            GET <url> returned a response that cannot be read (no_data, HTTP 200, 15 bytes:
            {"timestamp":1}). A later retry can help; if the error persists, read the response in
            `dead_letters` and check COINCAP_URL
            """,
        ),
    ],
)
def test_a_permanent_failure_is_shown_with_its_remedy(
    outcome: Received, kind: type[SourceError], sentence: str
) -> None:
    """The message contains the URL without the key, the status, CoinCap's text, and what to do."""
    failure = failure_of(outcome)

    assert (kind, shown(sentence)) == (type(failure.error), str(failure.error))
    assert (False, None) == (failure.is_temporary, failure.wait_seconds)


@pytest.mark.parametrize("response", [received(404, "no such slug"), received(200, "x not found")])
def test_an_unknown_coin_is_shown_with_its_url_without_the_key(response: Received) -> None:
    """The key may be part of the URL that a user has set."""
    url = "https://rest.coincap.io/v3/assets/x/history?apiKey=planted-7f3a9c51"

    error = failure_of(response, url=url).error

    assert type(error) is CoinNotFoundError
    assert str(error).startswith(
        "GET https://rest.coincap.io/v3/assets/x/history?apiKey=***: the coin does not exist or "
        f"has no history (HTTP {response.status}: "
    )
    assert str(error).endswith("). A retry will not help; check the slug")


def test_a_missing_key_is_not_reported_as_refused() -> None:
    """The remedy is the same, but the cause differs."""
    error = failure_of(received(403, "Forbidden"), key=BearerKey(None)).error

    assert "the API key is missing (HTTP 403: Forbidden)" in str(error)


def test_the_key_is_masked_in_stored_bodies() -> None:
    """A server may echo the key."""
    echo = b'{"data": [{"id": "planted-7f3a9c51"}], "timestamp": 1}'
    good = verdict(URL, received(200, echo), KEY)
    bad = failure_of(Received(200, {}, b"planted-7f3a9c51 ...", AT, "truncated")).error

    assert not isinstance(good, CallFailure)
    assert b'"id": "***"' in good[0].body
    assert isinstance(bad, MalformedResponseError)
    assert ("truncated", 200, b"*** ...") == (bad.reason, bad.status, bad.body)
