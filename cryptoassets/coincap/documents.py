"""Converts responses to documents for the data lake; unusable parts become dead letters.

What goes here: the exact form of the documents in `coin_snapshots`, `coin_history` and
`dead_letters`, and of fetch records. What stays out: writing documents (in `io_managers`) and
judging values (in `transforms`).
"""

import hashlib
import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, time, timedelta
from typing import Any

from cryptoassets.coincap.models import HistoryResponse, Item, Page, Response, Snapshot
from cryptoassets.coincap.protocol import iso_milliseconds
from cryptoassets.definition_settings import OLDEST_DAY
from cryptoassets.errors import CryptoassetsError, MalformedResponseError
from cryptoassets.schemas import INTERVAL_MS, SNAPSHOT_FLOW, Flow

MAX_STORED_BODY_BYTES = 1024 * 1024
OLDEST_OBSERVATION = datetime.combine(OLDEST_DAY, time(), UTC)
MAX_CLOCK_LEAD = timedelta(minutes=10)
"""Timestamps farther in the future are refused, because no run would process such documents."""
# Created once: json.dumps would create one encoder per payload.
_CANONICAL = json.JSONEncoder(
    sort_keys=True, separators=(",", ":"), ensure_ascii=True, allow_nan=False
)
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_YEAR_10000_MS = 253_402_300_800_000


@dataclass(frozen=True)
class RawBatch:
    """What is stored for one snapshot or response; times are aware, UTC, whole milliseconds.

    Attributes:
        documents: `{_id, coin_id, observed_at, fetched_at, source, payload}`; other flows have the
            fields of their `raw.identity` in place of `coin_id`. Each `_id` is unique.
        dead_letters: `{_id, url, fetched_at, status, reason, body}`.
        outside: number of readable history points that are more than one interval outside the
            requested window.
        fetches: one record per page: `{_id, observed_at, fetched_at, source, offset, coins_asked,
            coins_received, is_repeated}`. A page with a bad timestamp has none.
        windows: one record per history call; see `backfills.book`.
        skipped: reason why nothing was fetched, if that is not an error.
        if_empty: error to raise if none of the run's partitions has a document.
        facts: further metadata of the run; the keys are `Fact` members or labels.
        failure: error to raise after the dead letters are stored. For history, it is not raised:
            it is the reason why the window will be requested again.
    """

    documents: tuple[dict[str, Any], ...] = ()
    dead_letters: tuple[dict[str, Any], ...] = ()
    fetches: tuple[dict[str, Any], ...] = ()
    windows: tuple[dict[str, Any], ...] = ()
    outside: int = 0
    skipped: str | None = None
    if_empty: CryptoassetsError | None = None
    facts: Mapping[str, Any] = field(default_factory=dict)
    failure: MalformedResponseError | None = None


@dataclass(frozen=True)
class RawStream:
    """Batches that are stored one by one, each before the next is fetched.

    Attributes:
        batches: can be iterated once.
        facts: metadata of the run; the keys are `Fact` members or labels. Complete after the last
            batch.
    """

    batches: Iterator[RawBatch]
    facts: Mapping[str, Any]


def raw_batch(snapshot: Snapshot) -> RawBatch:
    """Convert a snapshot to documents, dead letters and one fetch record per page."""
    documents: dict[str, dict[str, Any]] = {}
    dead_letters: list[dict[str, Any]] = []
    fetches: list[dict[str, Any]] = []
    for page in snapshot.pages:
        batch = listing_batch(SNAPSHOT_FLOW, page)
        documents |= {one["_id"]: one for one in batch.documents if one["_id"] not in documents}
        dead_letters += batch.dead_letters
        observed_at = market_time(page.timestamp, page.response.fetched_at)
        if observed_at is not None:
            fetches.append(_fetch_record(page, observed_at, is_repeated=snapshot.is_repeated))
    return RawBatch(tuple(documents.values()), tuple(dead_letters), tuple(fetches))


def listing_batch(flow: Flow, page: Page) -> RawBatch:
    """Convert a response's rows to a flow's documents, observed at the response's timestamp."""
    response = page.response
    observed_at = market_time(page.timestamp, response.fetched_at)
    if observed_at is None:
        body = response.body.decode(errors="replace")
        return RawBatch(dead_letters=(_dead_letter(response, "bad_timestamp", body),))
    documents: dict[str, dict[str, Any]] = {}
    dead_letters: list[dict[str, Any]] = []
    for position, item in enumerate(page.items):
        ids = [] if item.fault else [item.value.get(name) for name in flow.id_fields]
        fault = item.fault or (None if all(isinstance(one, str) for one in ids) else "no_id")
        if fault:
            dead_letters.append(_dead_letter(response, fault, item.text, position))
            continue
        names = dict(zip(flow.raw.identity, ids, strict=True))
        document = _document(names, observed_at, response, item.value)
        documents.setdefault(document["_id"], document)
    return RawBatch(tuple(documents.values()), tuple(dead_letters))


def history_batch(history: HistoryResponse) -> RawBatch:
    """Convert history points to documents; `observed_at` is the point's own time.

    Points outside the window are ignored: the call for the adjacent window returns them. Some
    sources include the points directly before and after the window, so only points farther away
    are counted as `outside`.
    """
    step = timedelta(milliseconds=INTERVAL_MS[history.interval])
    names = {"coin_id": history.slug, "interval": history.interval}
    outside = 0
    documents: dict[str, dict[str, Any]] = {}
    dead_letters: list[dict[str, Any]] = []
    response = history.response
    for position, item in enumerate(history.items):
        time = None if item.fault else item.value.get("time")
        observed_at = None if item.fault else market_time(time, response.fetched_at)
        if observed_at is None:
            reason = item.fault or "bad_timestamp"
            dead_letters.append(_dead_letter(response, reason, item.text, position))
            continue
        if not history.start <= observed_at < history.end:
            outside += not history.start - step <= observed_at <= history.end + step
            continue
        document = _document(names, observed_at, response, item.value)
        documents.setdefault(document["_id"], document)
    return RawBatch(tuple(documents.values()), tuple(dead_letters), outside=outside)


def market_time(timestamp: Any, fetched_at: datetime) -> datetime | None:
    """Convert a timestamp in milliseconds to a UTC time; None if it is not plausible.

    Args:
        timestamp: as sent; the result is None for anything but a JSON number.
        fetched_at: time of this machine's clock when the response was complete.
    """
    is_number = isinstance(timestamp, int | float) and not isinstance(timestamp, bool)
    if not is_number or not 0 <= timestamp < _YEAR_10000_MS:
        return None
    observed_at = _EPOCH + timedelta(milliseconds=int(timestamp))
    is_plausible = OLDEST_OBSERVATION <= observed_at <= fetched_at + MAX_CLOCK_LEAD
    return observed_at if is_plausible else None


def canonical_payload(payload: Any) -> str:
    """Return the canonical text of a payload: sorted keys, no whitespace, ASCII escapes."""
    return _CANONICAL.encode(payload)


def document_id(*names: str, observed_at: datetime, payload: Any) -> str:
    """Return `<name>@...@<observed_at>@<first 12 hex digits of the payload's SHA-256>`."""
    digest = hashlib.sha256(canonical_payload(payload).encode()).hexdigest()[:12]
    return "@".join([*names, iso_milliseconds(observed_at), digest])


def dead_letter_of(error: MalformedResponseError, url: str, fetched_at: datetime) -> dict[str, Any]:
    """Return the dead letter of a response that could not be read.

    Args:
        error: the client's error.
        url: the requested URL without the key; the client's `last_url`.
        fetched_at: aware time at which the response was received.
    """
    response = Response(url, error.status, "coincap", {}, b"", whole_milliseconds(fetched_at))
    return _dead_letter(response, error.reason, error.body.decode(errors="replace"))


def whole_milliseconds(time: datetime) -> datetime:
    """Drop microseconds, which MongoDB does not store."""
    return time.replace(microsecond=time.microsecond // 1000 * 1000)


def _document(
    names: Mapping[str, str], observed_at: datetime, response: Response, payload: Any
) -> dict[str, Any]:
    return {
        "_id": document_id(*names.values(), observed_at=observed_at, payload=payload),
        **names,
        "observed_at": observed_at,
        "fetched_at": whole_milliseconds(response.fetched_at),
        "source": response.source,
        "payload": payload,
    }


def _fetch_record(page: Page, observed_at: datetime, *, is_repeated: bool) -> dict[str, Any]:
    return {
        "_id": f"{iso_milliseconds(observed_at)}@{page.offset}",
        "observed_at": observed_at,
        "fetched_at": whole_milliseconds(page.response.fetched_at),
        "source": page.response.source,
        "offset": page.offset,
        "coins_asked": page.coins_asked,
        "coins_received": len(page.items),
        "is_repeated": is_repeated,
    }


def _dead_letter(response: Response, reason: str, body: str, position: int = 0) -> dict[str, Any]:
    fetched_at = whole_milliseconds(response.fetched_at)
    # The position distinguishes two equal broken items in one response.
    name = [response.url, iso_milliseconds(fetched_at), reason, str(position), body]
    return {
        "_id": hashlib.sha256("\n".join(name).encode(errors="replace")).hexdigest(),
        "url": response.url,
        "fetched_at": fetched_at,
        "status": response.status,
        "reason": reason,
        "body": _cut(body),
    }


def _cut(body: str) -> str:
    """Shorten a body to 1 MiB of UTF-8 without splitting a character."""
    return body.encode(errors="replace")[:MAX_STORED_BODY_BYTES].decode(errors="ignore")


def coin_ids(items: Iterable[Item]) -> list[str]:
    """Return the ids of the items that have one, in order."""
    values = (item.value for item in items if item.fault is None)
    return [value["id"] for value in values if isinstance(value.get("id"), str)]
