"""Turn answers into the documents of the lake, and into dead letters what cannot be one.

What goes here: the exact form of `coin_snapshots`, `coin_history`, `dead_letters` and the record
of each fetch. What stays out: writing them (in `io_managers`) and judging values (in `transforms`).
"""

import hashlib
import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from cryptoassets.coincap.models import Answer, HistoryAnswer, Item, Page, Snapshot
from cryptoassets.coincap.protocol import iso_milliseconds
from cryptoassets.errors import MalformedAnswerError
from cryptoassets.schemas import INTERVAL_MS

LONGEST_BODY_BYTES = 1024 * 1024
OLDEST_OBSERVATION = datetime(2018, 1, 1, tzinfo=UTC)
FASTEST_CLOCK = timedelta(minutes=10)
"""A source whose clock is farther ahead is wrong; no run would process its documents."""
# Made once: json.dumps would make one for each of a million payloads.
_CANONICAL = json.JSONEncoder(
    sort_keys=True, separators=(",", ":"), ensure_ascii=True, allow_nan=False
)
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_YEAR_10000_MS = 253_402_300_800_000


@dataclass(frozen=True)
class RawBatch:
    """What one answer leaves in the lake; times are aware, UTC, whole milliseconds.

    Attributes:
        documents: `{_id, coin_id, observed_at, fetched_at, source, payload}`; history has
            `interval` too. No `_id` twice.
        dead_letters: `{_id, url, fetched_at, status, reason, body}`.
        outside: of history: readable points that lie more than a step outside the window.
        fetches: one a page: `{_id, observed_at, fetched_at, source, offset, coins_asked,
            coins_received, is_repeated}`. A page with a bad timestamp has none.
        windows: of history: one a call, see `history.book`.
        skipped: why nothing was fetched, where that is no fault.
        facts: what else the run should say, by label.
        failure: raised once the dead letters are stored; of history: why the window is not covered.
    """

    documents: tuple[dict[str, Any], ...] = ()
    dead_letters: tuple[dict[str, Any], ...] = ()
    fetches: tuple[dict[str, Any], ...] = ()
    windows: tuple[dict[str, Any], ...] = ()
    outside: int = 0
    skipped: str | None = None
    facts: Mapping[str, Any] = field(default_factory=dict)
    failure: MalformedAnswerError | None = None


@dataclass(frozen=True)
class RawStream:
    """Batches to be stored one by one, each before the next is fetched.

    Attributes:
        batches: drawn once.
        facts: what the run should say, by label; complete when the last batch is drawn.
    """

    batches: Iterator[RawBatch]
    facts: Mapping[str, Any]


def raw_batch(snapshot: Snapshot) -> RawBatch:
    """Turn a snapshot into documents, dead letters and the record of each page."""
    documents: dict[str, dict[str, Any]] = {}
    dead_letters: list[dict[str, Any]] = []
    fetches: list[dict[str, Any]] = []
    for page in snapshot.pages:
        observed_at = market_time(page.timestamp, page.answer.fetched_at)
        if observed_at is None:
            body = page.answer.body.decode(errors="replace")
            dead_letters.append(_dead_letter(page.answer, "bad_timestamp", body))
            continue
        fetches.append(_fetch_record(page, observed_at, is_repeated=snapshot.is_repeated))
        for place, item in enumerate(page.items):
            fault = item.fault or (None if isinstance(item.value.get("id"), str) else "no_id")
            if fault:
                dead_letters.append(_dead_letter(page.answer, fault, item.text, place))
                continue
            document = _document(item.value["id"], observed_at, page.answer, item.value)
            documents.setdefault(document["_id"], document)
    return RawBatch(tuple(documents.values()), tuple(dead_letters), tuple(fetches))


def history_batch(history: HistoryAnswer) -> RawBatch:
    """Turn history points into documents; `observed_at` is the point's own time.

    What the source sends from outside the window is passed over: the window that it belongs to
    brings it, so that none comes twice and none is missed where windows touch. A source may well
    send the points next to the window; those farther away are counted as `outside`.
    """
    step = timedelta(milliseconds=INTERVAL_MS[history.interval])
    outside = 0
    documents: dict[str, dict[str, Any]] = {}
    dead_letters: list[dict[str, Any]] = []
    answer = history.answer
    for place, item in enumerate(history.items):
        time = None if item.fault else item.value.get("time")
        observed_at = None if item.fault else market_time(time, answer.fetched_at)
        if observed_at is None:
            reason = item.fault or "bad_timestamp"
            dead_letters.append(_dead_letter(answer, reason, item.text, place))
            continue
        if not history.start <= observed_at < history.end:
            outside += not history.start - step <= observed_at <= history.end + step
            continue
        document = _document(history.slug, observed_at, answer, item.value, history.interval)
        documents.setdefault(document["_id"], document)
    return RawBatch(tuple(documents.values()), tuple(dead_letters), outside=outside)


def market_time(timestamp: Any, fetched_at: datetime) -> datetime | None:
    """Return a timestamp in milliseconds as time, UTC; None when it cannot be true.

    Args:
        timestamp: as sent; only a JSON number will do.
        fetched_at: our clock when the answer was complete.
    """
    is_number = isinstance(timestamp, int | float) and not isinstance(timestamp, bool)
    if not is_number or not 0 <= timestamp < _YEAR_10000_MS:
        return None
    observed_at = _EPOCH + timedelta(milliseconds=int(timestamp))
    is_plausible = OLDEST_OBSERVATION <= observed_at <= fetched_at + FASTEST_CLOCK
    return observed_at if is_plausible else None


def canonical_payload(payload: Any) -> str:
    """Return the one text of a payload: sorted keys, no blanks, ASCII escapes."""
    return _CANONICAL.encode(payload)


def document_id(slug: str, observed_at: datetime, payload: Any, interval: str | None = None) -> str:
    """Return `<slug>@[<interval>@]<observed_at>@<12 hex of the payload's SHA-256>`."""
    digest = hashlib.sha256(canonical_payload(payload).encode()).hexdigest()[:12]
    names = [slug, interval, iso_milliseconds(observed_at), digest]
    return "@".join(name for name in names if name is not None)


def dead_letter_of(error: MalformedAnswerError, url: str, fetched_at: datetime) -> dict[str, Any]:
    """Return the dead letter of an answer that could not be read.

    Args:
        error: what the client raised.
        url: what was asked, without the key; the client's `last_url`.
        fetched_at: aware time at which it was received.
    """
    answer = Answer(url, error.status, "coincap", {}, b"", whole_milliseconds(fetched_at))
    return _dead_letter(answer, error.reason, error.body.decode(errors="replace"))


def whole_milliseconds(time: datetime) -> datetime:
    """Cut off what MongoDB would not keep."""
    return time.replace(microsecond=time.microsecond // 1000 * 1000)


def _document(
    slug: str, observed_at: datetime, answer: Answer, payload: Any, interval: str | None = None
) -> dict[str, Any]:
    interval_field = {} if interval is None else {"interval": interval}
    return {
        "_id": document_id(slug, observed_at, payload, interval),
        "coin_id": slug,
        **interval_field,
        "observed_at": observed_at,
        "fetched_at": whole_milliseconds(answer.fetched_at),
        "source": answer.source,
        "payload": payload,
    }


def _fetch_record(page: Page, observed_at: datetime, *, is_repeated: bool) -> dict[str, Any]:
    return {
        "_id": f"{iso_milliseconds(observed_at)}@{page.offset}",
        "observed_at": observed_at,
        "fetched_at": whole_milliseconds(page.answer.fetched_at),
        "source": page.answer.source,
        "offset": page.offset,
        "coins_asked": page.coins_asked,
        "coins_received": len(page.items),
        "is_repeated": is_repeated,
    }


def _dead_letter(answer: Answer, reason: str, body: str, place: int = 0) -> dict[str, Any]:
    fetched_at = whole_milliseconds(answer.fetched_at)
    # The position distinguishes two equal broken coins of one answer.
    name = [answer.url, iso_milliseconds(fetched_at), reason, str(place), body]
    return {
        "_id": hashlib.sha256("\n".join(name).encode(errors="replace")).hexdigest(),
        "url": answer.url,
        "fetched_at": fetched_at,
        "status": answer.status,
        "reason": reason,
        "body": _cut(body),
    }


def _cut(body: str) -> str:
    """Cut to 1 MiB of UTF-8, never inside a character."""
    return body.encode(errors="replace")[:LONGEST_BODY_BYTES].decode(errors="ignore")


def coin_ids(items: Iterable[Item]) -> list[str]:
    """Return the ids of the items that have one, in order."""
    values = (item.value for item in items if item.fault is None)
    return [value["id"] for value in values if isinstance(value.get("id"), str)]
