"""What a response means if a retry can help: the error's class and message, and when to retry."""

import pytest

from cryptoassets.coincap.transport import NoResponse, Received
from cryptoassets.errors import (
    MalformedResponseError,
    RateLimitedError,
    SourceError,
    SourceUnavailableError,
)
from cryptoassets_tests.coincap.test_verdicts import PAGE, failure_of, received, shown


@pytest.mark.parametrize(
    ("outcome", "kind", "seconds", "sentence"),
    [
        (
            NoResponse("connection refused", was_sent=False),
            SourceUnavailableError,
            None,
            """
            GET <url> failed: connection refused. A later retry can help; check COINCAP_URL and
            the network
            """,
        ),
        (
            received(500, "deprecated soon", retry_after="7"),
            SourceUnavailableError,
            7.0,
            """
            GET <url>: the server failed (HTTP 500: deprecated soon). A later retry can help
            """,
        ),
        (
            received(503, retry_after="Mon, 05 Jan 2026 10:01:00 GMT"),
            SourceUnavailableError,
            42.0,
            """
            GET <url>: the server failed (HTTP 503). A later retry can help
            """,
        ),
        (
            received(503, retry_after="Mon, 05 Jan 2026 09:59:00 GMT"),
            SourceUnavailableError,
            0.0,
            """
            GET <url>: the server failed (HTTP 503). A later retry can help
            """,
        ),
        (
            received(408, retry_after="soon"),
            SourceUnavailableError,
            None,
            """
            GET <url>: the server failed (HTTP 408). A later retry can help
            """,
        ),
        (
            received(429),
            RateLimitedError,
            42.0,
            """
            GET <url>: too many calls (HTTP 429). A later retry can help, in 42 s; calls of
            other programs with the same COINCAP_API_KEY count, too
            """,
        ),
        (
            received(403, "Too many requests per minute", retry_after="5"),
            RateLimitedError,
            5.0,
            """
            GET <url>: too many calls (HTTP 403: Too many requests per minute). A later retry
            can help, in 5 s; calls of other programs with the same COINCAP_API_KEY count, too
            """,
        ),
        (
            received(200, b'{"error": "slow down", "status": 429}'),
            RateLimitedError,
            42.0,
            """
            GET <url>: too many calls (HTTP 429: slow down). A later retry can help, in 42 s;
            calls of other programs with the same COINCAP_API_KEY count, too
            """,
        ),
        (
            received(200, "Internal, try again"),
            MalformedResponseError,
            None,
            """
            GET <url> returned a response that cannot be read (no_data, HTTP 200, 32 bytes:
            Internal, try again). A later retry can help; if the error persists, read the response
            in `dead_letters` and check COINCAP_URL
            """,
        ),
        (
            received(200, PAGE),
            MalformedResponseError,
            None,
            """
            GET <url> returned a response that cannot be read (html, HTTP 200, 35 bytes: a web
            page titled "Sign in"). Something in front of CoinCap answered in its place. A later
            retry can help; if the error persists, read the response in `dead_letters` and check
            COINCAP_URL
            """,
        ),
    ],
)
def test_a_temporary_failure_says_when_a_retry_can_help(
    outcome: Received | NoResponse, kind: type[SourceError], seconds: float | None, sentence: str
) -> None:
    """If the server names no time, a rate limit ends when the next minute begins."""
    failure = failure_of(outcome)

    assert (kind, shown(sentence)) == (type(failure.error), str(failure.error))
    assert (True, seconds) == (failure.is_temporary, failure.wait_seconds)
