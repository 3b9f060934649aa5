"""Say what one answer means: good, a passing fault, or an error for good.

What goes here: CoinCap's error table. What stays out: waiting and trying again (in `client`).
"""

import re
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from http import HTTPStatus
from urllib.parse import urlsplit

from cryptoassets.coincap.bodies import LARGEST_BODY_BYTES
from cryptoassets.coincap.documents import LONGEST_BODY_BYTES
from cryptoassets.coincap.models import Answer
from cryptoassets.coincap.redaction import BearerKey, public_url
from cryptoassets.coincap.transport import Received, Unreached
from cryptoassets.coincap.verbatim import Envelope, UnreadableError, read_envelope
from cryptoassets.errors import (
    BadKeyError,
    CoinNotFoundError,
    CreditsSpentError,
    MalformedAnswerError,
    RateLimitedError,
    RequestRefusedError,
    SourceError,
    SourceUnavailableError,
)
from cryptoassets.settings import COINCAP_V3_URL, SourceKind

SOURCE_HEADER = "X-Cryptoassets-Source"
_OWN_SOURCES: dict[str, SourceKind] = {"simulator": "simulator", "replay": "replay"}
_QUOTA = re.compile(r"(?i)usage limit|quota|credit")
_CLOSED = re.compile(r"(?i)deprecat|no longer (available|supported)|sunset")
_LATER = "A later retry can help"
_NEVER = "A retry will not help"
_TRANSIENT = (HTTPStatus.REQUEST_TIMEOUT, HTTPStatus.TOO_EARLY)
_SHOWN_CHARS = 200


@dataclass(frozen=True)
class Trouble:
    """Not what was asked for.

    Attributes:
        error: what to raise in the end.
        is_passing: the same call may go well shortly.
        wait_seconds: what the server asks to wait; None: up to us.
    """

    error: SourceError
    is_passing: bool = False
    wait_seconds: float | None = None


def source_kind_of(outcome: Received) -> SourceKind:
    """Return the source as its header names it; without our header it is CoinCap."""
    return _OWN_SOURCES.get(outcome.headers.get(SOURCE_HEADER.lower(), ""), "coincap")


def verdict(
    url: str, outcome: Received | Unreached, key: BearerKey
) -> tuple[Answer, Envelope] | Trouble:
    """Judge one outcome of a call to `url`."""
    shown_url = key.redacted(public_url(url))
    if isinstance(outcome, Unreached):
        message = f"GET {shown_url} failed: {outcome.why}. {_LATER}; check COINCAP_URL and network"
        return Trouble(SourceUnavailableError(message), is_passing=True)
    if outcome.status != HTTPStatus.OK:
        return _refusal(shown_url, outcome, key)
    if outcome.fault:
        return _malformed(shown_url, outcome, outcome.fault, key)
    try:
        envelope = read_envelope(outcome.body)
    except UnreadableError as error:
        reason = error.reason
    else:
        if envelope.items is not None:
            answer = Answer(
                shown_url,
                outcome.status,
                source_kind_of(outcome),
                outcome.headers,
                key.redacted_bytes(outcome.body),
                outcome.fetched_at,
            )
            return answer, envelope
        if _CLOSED.search(_text(outcome, key)):
            return _closed(shown_url)
        reason = "no_data"
    return _malformed(shown_url, outcome, reason, key)


def _closed(shown_url: str) -> Trouble:
    return Trouble(
        SourceError(
            f"GET {shown_url}: this version of the API is closed (its answer says deprecated). "
            f"{_NEVER}; set COINCAP_URL to {COINCAP_V3_URL} and COINCAP_API_KEY to a key for it"
        )
    )


def _malformed(shown_url: str, outcome: Received, reason: str, key: BearerKey) -> Trouble:
    hint = f"more than {LARGEST_BODY_BYTES} bytes" if reason == "too_large" else reason
    error = MalformedAnswerError(
        f"GET {shown_url} gave an answer that cannot be read ({hint}, HTTP {outcome.status}, "
        f"{len(outcome.body)} bytes). {_LATER}; if it stays so, look at it in `dead_letters` "
        "and check COINCAP_URL",
        status=outcome.status,
        reason=reason,
        body=key.redacted_bytes(outcome.body)[:LONGEST_BODY_BYTES],
    )
    # Another 64 MiB would not be better, and an object without data is the server's own word.
    return Trouble(error, is_passing=reason not in ("too_large", "no_data"))


def _refusal(shown_url: str, outcome: Received, key: BearerKey) -> Trouble:
    status, said = outcome.status, _said(outcome, key)
    wait = _retry_after_seconds(outcome)
    if status in (HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN):
        return Trouble(_no_access(shown_url, outcome, said, key))
    if status == HTTPStatus.NOT_FOUND:
        return Trouble(_not_found(shown_url, said))
    if status == HTTPStatus.TOO_MANY_REQUESTS:
        seconds = _until_next_minute(outcome, wait)
        error = RateLimitedError(
            f"GET {shown_url}: too many calls (HTTP 429{said}). {_LATER}, in {seconds:.0f} s; "
            "other programs with the same COINCAP_API_KEY count too"
        )
        return Trouble(error, is_passing=True, wait_seconds=seconds)
    if status >= HTTPStatus.INTERNAL_SERVER_ERROR or status in _TRANSIENT:
        message = f"GET {shown_url}: the server failed (HTTP {status}{said}). {_LATER}"
        return Trouble(SourceUnavailableError(message), is_passing=True, wait_seconds=wait)
    remedy = "check COINCAP_URL"
    if HTTPStatus.MULTIPLE_CHOICES <= status < HTTPStatus.BAD_REQUEST:
        host = urlsplit(key.redacted(outcome.headers.get("location", ""))).hostname
        remedy = f"it points to {host or 'nowhere'}, where the key is not sent; set COINCAP_URL"
    message = f"GET {shown_url} was refused (HTTP {status}{said}). {_NEVER}; {remedy}"
    is_redirect = status < HTTPStatus.BAD_REQUEST
    return Trouble(SourceError(message) if is_redirect else RequestRefusedError(message))


def _no_access(shown_url: str, outcome: Received, said: str, key: BearerKey) -> SourceError:
    if outcome.status == HTTPStatus.FORBIDDEN and _QUOTA.search(_text(outcome, key)):
        return CreditsSpentError(
            f"GET {shown_url}: the month's CoinCap credits are gone (HTTP 403{said}). {_NEVER} "
            "before the next month (UTC); take a larger plan or fewer COINCAP_COINS"
        )
    state = "is missing" if not key.header() else "was refused"
    return BadKeyError(
        f"GET {shown_url}: the API key {state} (HTTP {outcome.status}{said}). {_NEVER}; set "
        "COINCAP_API_KEY to a valid key"
    )


def _not_found(shown_url: str, said: str) -> SourceError:
    if "/assets/" in urlsplit(shown_url).path:
        return CoinNotFoundError(
            f"GET {shown_url}: no such coin, or no history of it (HTTP 404{said}). {_NEVER}; "
            "check the slug"
        )
    message = f"GET {shown_url}: there is no such route (HTTP 404{said}). {_NEVER}; "
    return SourceError(message + "check COINCAP_URL")


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


def _until_next_minute(outcome: Received, wait_seconds: float | None) -> float:
    return wait_seconds if wait_seconds is not None else 60 - _second_of_minute(outcome.fetched_at)


def _second_of_minute(time: datetime) -> float:
    return time.second + time.microsecond / 1e6


def _text(outcome: Received, key: BearerKey) -> str:
    return key.redacted(outcome.body[:LONGEST_BODY_BYTES].decode(errors="replace"))


def _said(outcome: Received, key: BearerKey) -> str:
    """The server's own words, on one line and short."""
    words = " ".join(_text(outcome, key).split())
    return f": {words[:_SHOWN_CHARS]}" if words else ""
