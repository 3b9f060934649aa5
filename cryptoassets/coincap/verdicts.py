"""Decides what one response means: success, a temporary fault, or a permanent error.

What goes here: CoinCap's error table. What stays out: reading error texts (in `error_texts`),
waiting and retrying (in `retries`).
"""

import re
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from http import HTTPStatus
from urllib.parse import urlsplit

from cryptoassets.coincap.bodies import MAX_BODY_BYTES
from cryptoassets.coincap.documents import MAX_STORED_BODY_BYTES
from cryptoassets.coincap.error_texts import ErrorText, read_error_text
from cryptoassets.coincap.models import Response
from cryptoassets.coincap.protocol import SOURCE_HEADER, source_named
from cryptoassets.coincap.redaction import BearerKey, public_url
from cryptoassets.coincap.transport import NoResponse, Received
from cryptoassets.coincap.verbatim import Envelope, UnreadableError, read_envelope
from cryptoassets.errors import (
    BadKeyError,
    BlockedError,
    CoinNotFoundError,
    CreditsSpentError,
    MalformedResponseError,
    PlanError,
    RateLimitedError,
    RequestRefusedError,
    SourceError,
    SourceUnavailableError,
)
from cryptoassets.settings import COINCAP_V3_URL, SourceKind

_CREDITS = re.compile(r"(?i)\bcredits?\b|\bquota\b|usage limit")
_PACE = re.compile(r"(?i)rate.?limit|too many|per (second|minute)|throttl")
_MONTH = re.compile(r"(?i)month")
_PLAN = re.compile(r"(?i)\b(plan|subscription|tier|upgrade)\b")
_CLOSED = re.compile(r"(?i)deprecat|no longer (available|supported)|sunset")
_KEY = re.compile(r"(?i)api.?key|unauthori[sz]ed|forbidden|token|credential|authenticat")
_NOT_FOUND = re.compile(r"(?i)\bnot found\b")
_TEMPORARY = re.compile(r"(?i)internal|retry|try again|temporar|unavailable|time.?out|overload")
_ABOUT_ACCESS = (
    *(HTTPStatus.OK, HTTPStatus.UNAUTHORIZED, HTTPStatus.PAYMENT_REQUIRED),
    *(HTTPStatus.FORBIDDEN, HTTPStatus.TOO_MANY_REQUESTS),
)
"""Statuses that may concern keys, plans, credits or limits; the error text shows which."""
_SHOWS_TEXT_FOR = ("html", "not_json", "not_an_object", "no_data")
_LATER = "A later retry can help"
_NEVER = "A retry will not help"
_TEMPORARY_STATUSES = (HTTPStatus.REQUEST_TIMEOUT, HTTPStatus.TOO_EARLY)


@dataclass(frozen=True)
class CallFailure:
    """A failed call.

    Attributes:
        error: raised if the call is not retried.
        is_temporary: whether the same call may soon succeed.
        wait_seconds: how long the server asks to wait; None if it does not ask.
    """

    error: SourceError
    is_temporary: bool = False
    wait_seconds: float | None = None


def source_kind_of(outcome: Received) -> SourceKind:
    """Return the kind of source that the header names; without this header, it is CoinCap."""
    return source_named(outcome.headers.get(SOURCE_HEADER.lower(), ""))


def verdict(
    url: str, outcome: Received | NoResponse, key: BearerKey
) -> tuple[Response, Envelope] | CallFailure:
    """Return the response to a request for `url`, or the failure of the call."""
    shown_url = key.redacted(public_url(url))
    if isinstance(outcome, NoResponse):
        message = (
            f"GET {shown_url} failed: {outcome.why}. {_LATER}; check COINCAP_URL and the network"
        )
        return CallFailure(SourceUnavailableError(message), is_temporary=True)
    if outcome.status != HTTPStatus.OK:
        error_text = read_error_text(outcome.body, key)
        return _judge_error_status(shown_url, outcome, error_text, key)
    if outcome.fault:
        return _malformed(shown_url, outcome, outcome.fault, key)
    try:
        envelope = read_envelope(outcome.body)
    except UnreadableError as error:
        return _malformed(shown_url, outcome, error.reason, key)
    # An empty list may be sent together with an error that explains it.
    is_good = envelope.items is not None and (envelope.items or not envelope.members.get("error"))
    if not is_good:
        return _judge_error_with_status_200(shown_url, outcome, key)
    response = Response(
        shown_url,
        outcome.status,
        source_kind_of(outcome),
        outcome.headers,
        key.redacted_bytes(outcome.body),
        outcome.fetched_at,
    )
    return response, envelope


def _judge_error_with_status_200(shown_url: str, outcome: Received, key: BearerKey) -> CallFailure:
    """Return the failure of a response with status 200 that contains an error instead of data."""
    error_text = read_error_text(outcome.body, key)
    if error_text.status is not None:
        return _judge_error_status(
            shown_url, replace(outcome, status=error_text.status), error_text, key
        )
    failure = _failure_in_json_error(shown_url, outcome, error_text)
    if failure is not None:
        return failure
    if _KEY.search(error_text.json_error):
        return CallFailure(_no_access(shown_url, outcome, error_text, key))
    if _NOT_FOUND.search(error_text.json_error):
        return CallFailure(_not_found(shown_url, outcome, error_text))
    return _malformed(shown_url, outcome, "no_data", key)


def _malformed(shown_url: str, outcome: Received, reason: str, key: BearerKey) -> CallFailure:
    hint = f"more than {MAX_BODY_BYTES} bytes" if reason == "too_large" else reason
    error_text = read_error_text(outcome.body if reason in _SHOWS_TEXT_FOR else b"", key)
    proxy_hint = (
        ""
        if error_text.is_from_coincap
        else " Something in front of CoinCap answered in its place."
    )
    error = MalformedResponseError(
        f"GET {shown_url} returned a response that cannot be read ({hint}, HTTP {outcome.status}, "
        f"{len(outcome.body)} bytes{error_text.shown}).{proxy_hint} {_LATER}; if the error "
        "persists, read the response in `dead_letters` and check COINCAP_URL",
        status=outcome.status,
        reason=reason,
        body=key.redacted_bytes(outcome.body)[:MAX_STORED_BODY_BYTES],
    )
    # After too_large, a retry would transfer 64 MiB again. A server that sends an object without
    # `data` does so on purpose.
    is_final = reason in ("too_large", "no_data") and not _TEMPORARY.search(error_text.json_error)
    return CallFailure(error, is_temporary=not is_final)


def _judge_error_status(
    shown_url: str, outcome: Received, error_text: ErrorText, key: BearerKey
) -> CallFailure:
    status = outcome.status
    failure = _failure_in_json_error(shown_url, outcome, error_text)
    if failure is not None:
        return failure
    if status == HTTPStatus.TOO_MANY_REQUESTS:
        return _too_many_calls(shown_url, outcome, error_text)
    if status >= HTTPStatus.INTERNAL_SERVER_ERROR or status in _TEMPORARY_STATUSES:
        error = SourceUnavailableError(
            f"GET {shown_url}: the server failed (HTTP {status}{error_text.shown}). {_LATER}"
        )
        wait = _retry_after_seconds(outcome)
        return CallFailure(error, is_temporary=True, wait_seconds=wait)
    return CallFailure(_permanent_error(shown_url, outcome, error_text, key))


def _permanent_error(
    shown_url: str, outcome: Received, error_text: ErrorText, key: BearerKey
) -> SourceError:
    status = outcome.status
    refused = f"GET {shown_url} was refused (HTTP {status}{error_text.shown}). {_NEVER}"
    if status < HTTPStatus.BAD_REQUEST:
        host = urlsplit(key.redacted(outcome.headers.get("location", ""))).hostname or "nowhere"
        return SourceError(
            f"{refused}; it redirects to {host}, where the key is not sent; set COINCAP_URL"
        )
    if not error_text.is_from_coincap:
        return _blocked(shown_url, outcome, error_text)
    if status in (HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN):
        return _no_access(shown_url, outcome, error_text, key)
    if status == HTTPStatus.NOT_FOUND:
        return _not_found(shown_url, outcome, error_text)
    return RequestRefusedError(f"{refused}; check COINCAP_URL")


def _failure_in_json_error(
    shown_url: str, outcome: Received, error_text: ErrorText
) -> CallFailure | None:
    """Return the failure if the JSON error is about credits, rate limit, plan or API version."""
    status, error = outcome.status, error_text.json_error
    place = f"(HTTP {status}{error_text.shown})"
    may_be_closed = status != HTTPStatus.NOT_FOUND and status < HTTPStatus.INTERNAL_SERVER_ERROR
    if may_be_closed and _CLOSED.search(error):
        return _closed(shown_url, place)
    if status not in _ABOUT_ACCESS:
        return None
    if _PACE.search(error) and not _MONTH.search(error):
        return _too_many_calls(shown_url, outcome, error_text)
    if _CREDITS.search(error):
        return CallFailure(
            CreditsSpentError(
                f"GET {shown_url}: the month's CoinCap credits are spent {place}. {_NEVER} before "
                "the next month (UTC); get a larger plan or lower COINCAP_COINS"
            )
        )
    is_unpaid = status == HTTPStatus.PAYMENT_REQUIRED and error_text.is_from_coincap
    if is_unpaid or _PLAN.search(error):
        return CallFailure(
            PlanError(
                f"GET {shown_url}: your CoinCap plan does not cover this call {place}. {_NEVER}; "
                "get a plan that does, or set COINCAP_API_KEY to a key of such a plan"
            )
        )
    return None


def _closed(shown_url: str, place: str) -> CallFailure:
    return CallFailure(
        SourceError(
            f"GET {shown_url}: this version of the API is closed or deprecated {place}. {_NEVER}; "
            f"set COINCAP_URL to {COINCAP_V3_URL} and COINCAP_API_KEY to a key for it"
        )
    )


def _too_many_calls(shown_url: str, outcome: Received, error_text: ErrorText) -> CallFailure:
    asked = _retry_after_seconds(outcome)
    if asked is None:
        asked = error_text.wait_seconds
    seconds = 60 - _second_of_minute(outcome.fetched_at) if asked is None else asked
    error = RateLimitedError(
        f"GET {shown_url}: too many calls (HTTP {outcome.status}{error_text.shown}). {_LATER}, in "
        f"{seconds:.0f} s; calls of other programs with the same COINCAP_API_KEY count, too"
    )
    return CallFailure(error, is_temporary=True, wait_seconds=seconds)


def _blocked(shown_url: str, outcome: Received, error_text: ErrorText) -> SourceError:
    is_login = outcome.status == HTTPStatus.UNAUTHORIZED
    return BlockedError(
        f"GET {shown_url}: something in front of CoinCap (a proxy, a firewall, another web "
        f"server) answered in its place (HTTP {outcome.status}{error_text.shown}). {_NEVER} until "
        "it lets this machine through; check its configuration and COINCAP_URL"
        + (" and COINCAP_API_KEY" if is_login else "")
    )


def _no_access(
    shown_url: str, outcome: Received, error_text: ErrorText, key: BearerKey
) -> SourceError:
    state = "is missing" if not key.header() else "was refused"
    return BadKeyError(
        f"GET {shown_url}: the API key {state} (HTTP {outcome.status}{error_text.shown}). "
        f"{_NEVER}; set COINCAP_API_KEY to a valid key"
    )


def _not_found(shown_url: str, outcome: Received, error_text: ErrorText) -> SourceError:
    place = f"(HTTP {outcome.status}{error_text.shown}). {_NEVER}"
    if "/assets/" in urlsplit(shown_url).path:
        return CoinNotFoundError(
            f"GET {shown_url}: the coin does not exist or has no history {place}; check the slug"
        )
    return SourceError(f"GET {shown_url}: there is no such route {place}; check COINCAP_URL")


def _retry_after_seconds(outcome: Received) -> float | None:
    text = outcome.headers.get("retry-after", "").strip()
    if text.isascii() and text.isdigit():
        return float(text)
    try:
        until = parsedate_to_datetime(text)
    except ValueError:
        return None
    until = until if until.tzinfo else until.replace(tzinfo=UTC)
    return max(0.0, (until - outcome.fetched_at).total_seconds())


def _second_of_minute(time: datetime) -> float:
    return time.second + time.microsecond / 1e6
