"""Say what one answer means: good, a passing fault, or an error for good.

What goes here: CoinCap's error table. What stays out: the server's words (in `complaints`), waiting
and trying again (in `client`).
"""

import re
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from http import HTTPStatus
from urllib.parse import urlsplit

from cryptoassets.coincap.bodies import LARGEST_BODY_BYTES
from cryptoassets.coincap.complaints import Complaint, read_complaint
from cryptoassets.coincap.documents import LONGEST_BODY_BYTES
from cryptoassets.coincap.models import Answer
from cryptoassets.coincap.protocol import SOURCE_HEADER, source_named
from cryptoassets.coincap.redaction import BearerKey, public_url
from cryptoassets.coincap.transport import Received, Unreached
from cryptoassets.coincap.verbatim import Envelope, UnreadableError, read_envelope
from cryptoassets.errors import (
    BadKeyError,
    BlockedError,
    CoinNotFoundError,
    CreditsSpentError,
    MalformedAnswerError,
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
_PASSING = re.compile(r"(?i)internal|retry|try again|temporar|unavailable|time.?out|overload")
_ABOUT_ACCESS = (
    *(HTTPStatus.OK, HTTPStatus.UNAUTHORIZED, HTTPStatus.PAYMENT_REQUIRED),
    *(HTTPStatus.FORBIDDEN, HTTPStatus.TOO_MANY_REQUESTS),
)
"""Statuses used for keys, plans, credits and limits alike; the error text shows which is meant."""
_WORDS_HELP = ("html", "not_json", "not_an_object", "no_data")
_LATER = "A later retry can help"
_NEVER = "A retry will not help"
_TRANSIENT = (HTTPStatus.REQUEST_TIMEOUT, HTTPStatus.TOO_EARLY)


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
    return source_named(outcome.headers.get(SOURCE_HEADER.lower(), ""))


def verdict(
    url: str, outcome: Received | Unreached, key: BearerKey
) -> tuple[Answer, Envelope] | Trouble:
    """Judge one outcome of a call to `url`."""
    shown_url = key.redacted(public_url(url))
    if isinstance(outcome, Unreached):
        message = f"GET {shown_url} failed: {outcome.why}. {_LATER}; check COINCAP_URL and network"
        return Trouble(SourceUnavailableError(message), is_passing=True)
    if outcome.status != HTTPStatus.OK:
        complaint = read_complaint(outcome.body, key)
        return _refusal(shown_url, outcome, complaint, key)
    if outcome.fault:
        return _malformed(shown_url, outcome, outcome.fault, key)
    try:
        envelope = read_envelope(outcome.body)
    except UnreadableError as error:
        return _malformed(shown_url, outcome, error.reason, key)
    # An empty list may come with the reason why it is empty.
    is_good = envelope.items is not None and (envelope.items or not envelope.members.get("error"))
    if not is_good:
        return _without_data(shown_url, outcome, key)
    answer = Answer(
        shown_url,
        outcome.status,
        source_kind_of(outcome),
        outcome.headers,
        key.redacted_bytes(outcome.body),
        outcome.fetched_at,
    )
    return answer, envelope


def _without_data(shown_url: str, outcome: Received, key: BearerKey) -> Trouble:
    """Judge a 200 whose JSON object holds an error in place of data."""
    complaint = read_complaint(outcome.body, key)
    if complaint.status is not None:
        return _refusal(shown_url, replace(outcome, status=complaint.status), complaint, key)
    trouble = _trouble_in_text(shown_url, outcome, complaint)
    if trouble is not None:
        return trouble
    if _KEY.search(complaint.error):
        return Trouble(_no_access(shown_url, outcome, complaint, key))
    if _NOT_FOUND.search(complaint.error):
        return Trouble(_not_found(shown_url, outcome, complaint))
    return _malformed(shown_url, outcome, "no_data", key)


def _malformed(shown_url: str, outcome: Received, reason: str, key: BearerKey) -> Trouble:
    hint = f"more than {LARGEST_BODY_BYTES} bytes" if reason == "too_large" else reason
    complaint = read_complaint(outcome.body if reason in _WORDS_HELP else b"", key)
    speaker = "" if complaint.is_own else " Something in front of CoinCap answered in its place."
    error = MalformedAnswerError(
        f"GET {shown_url} gave an answer that cannot be read ({hint}, HTTP {outcome.status}, "
        f"{len(outcome.body)} bytes{complaint.shown}).{speaker} {_LATER}; if it stays so, look at "
        "it in `dead_letters` and check COINCAP_URL",
        status=outcome.status,
        reason=reason,
        body=key.redacted_bytes(outcome.body)[:LONGEST_BODY_BYTES],
    )
    # Another 64 MiB would not be better, and an object without data is the server's own word.
    is_final = reason in ("too_large", "no_data") and not _PASSING.search(complaint.error)
    return Trouble(error, is_passing=not is_final)


def _refusal(shown_url: str, outcome: Received, complaint: Complaint, key: BearerKey) -> Trouble:
    status = outcome.status
    trouble = _trouble_in_text(shown_url, outcome, complaint)
    if trouble is not None:
        return trouble
    if status == HTTPStatus.TOO_MANY_REQUESTS:
        return _too_many_calls(shown_url, outcome, complaint)
    if status >= HTTPStatus.INTERNAL_SERVER_ERROR or status in _TRANSIENT:
        error = SourceUnavailableError(
            f"GET {shown_url}: the server failed (HTTP {status}{complaint.shown}). {_LATER}"
        )
        wait = _retry_after_seconds(outcome)
        return Trouble(error, is_passing=True, wait_seconds=wait)
    return Trouble(_refused_for_good(shown_url, outcome, complaint, key))


def _refused_for_good(
    shown_url: str, outcome: Received, complaint: Complaint, key: BearerKey
) -> SourceError:
    status = outcome.status
    refused = f"GET {shown_url} was refused (HTTP {status}{complaint.shown}). {_NEVER}"
    if status < HTTPStatus.BAD_REQUEST:
        host = urlsplit(key.redacted(outcome.headers.get("location", ""))).hostname or "nowhere"
        return SourceError(
            f"{refused}; it points to {host}, where the key is not sent; set COINCAP_URL"
        )
    if not complaint.is_own:
        return _blocked(shown_url, outcome, complaint)
    if status in (HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN):
        return _no_access(shown_url, outcome, complaint, key)
    if status == HTTPStatus.NOT_FOUND:
        return _not_found(shown_url, outcome, complaint)
    return RequestRefusedError(f"{refused}; check COINCAP_URL")


def _trouble_in_text(shown_url: str, outcome: Received, complaint: Complaint) -> Trouble | None:
    """What CoinCap's own JSON error says of credits, pace, plan or version; None: nothing."""
    status, error = outcome.status, complaint.error
    place = f"(HTTP {status}{complaint.shown})"
    may_be_closed = status != HTTPStatus.NOT_FOUND and status < HTTPStatus.INTERNAL_SERVER_ERROR
    if may_be_closed and _CLOSED.search(error):
        return _closed(shown_url, place)
    if status not in _ABOUT_ACCESS:
        return None
    if _PACE.search(error) and not _MONTH.search(error):
        return _too_many_calls(shown_url, outcome, complaint)
    if _CREDITS.search(error):
        return Trouble(
            CreditsSpentError(
                f"GET {shown_url}: the month's CoinCap credits are gone {place}. {_NEVER} before "
                "the next month (UTC); take a larger plan or fewer COINCAP_COINS"
            )
        )
    is_unpaid = status == HTTPStatus.PAYMENT_REQUIRED and complaint.is_own
    if is_unpaid or _PLAN.search(error):
        return Trouble(
            PlanError(
                f"GET {shown_url}: your CoinCap plan does not cover this call {place}. {_NEVER}; "
                "take a plan that does, or set COINCAP_API_KEY to a key that has one"
            )
        )
    return None


def _closed(shown_url: str, place: str) -> Trouble:
    return Trouble(
        SourceError(
            f"GET {shown_url}: this version of the API is closed; its answer says deprecated "
            f"{place}. {_NEVER}; set COINCAP_URL to {COINCAP_V3_URL} and COINCAP_API_KEY to a key "
            "for it"
        )
    )


def _too_many_calls(shown_url: str, outcome: Received, complaint: Complaint) -> Trouble:
    asked = _retry_after_seconds(outcome)
    if asked is None:
        asked = complaint.wait_seconds
    seconds = 60 - _second_of_minute(outcome.fetched_at) if asked is None else asked
    error = RateLimitedError(
        f"GET {shown_url}: too many calls (HTTP {outcome.status}{complaint.shown}). {_LATER}, in "
        f"{seconds:.0f} s; other programs with the same COINCAP_API_KEY count too"
    )
    return Trouble(error, is_passing=True, wait_seconds=seconds)


def _blocked(shown_url: str, outcome: Received, complaint: Complaint) -> SourceError:
    is_login = outcome.status == HTTPStatus.UNAUTHORIZED
    return BlockedError(
        f"GET {shown_url}: something in front of CoinCap (a proxy, a firewall, another web "
        f"server) answered in its place (HTTP {outcome.status}{complaint.shown}). {_NEVER} until "
        "it lets this machine through; look at it there, and check COINCAP_URL"
        + (" and COINCAP_API_KEY" if is_login else "")
    )


def _no_access(
    shown_url: str, outcome: Received, complaint: Complaint, key: BearerKey
) -> SourceError:
    state = "is missing" if not key.header() else "was refused"
    return BadKeyError(
        f"GET {shown_url}: the API key {state} (HTTP {outcome.status}{complaint.shown}). {_NEVER}; "
        "set COINCAP_API_KEY to a valid key"
    )


def _not_found(shown_url: str, outcome: Received, complaint: Complaint) -> SourceError:
    place = f"(HTTP {outcome.status}{complaint.shown}). {_NEVER}"
    if "/assets/" in urlsplit(shown_url).path:
        return CoinNotFoundError(
            f"GET {shown_url}: no such coin, or no history of it {place}; check the slug"
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
