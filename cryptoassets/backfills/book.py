"""The records of history calls: what was requested, when, and with which outcome.

What goes here: the format of a record, and queries of the records. What stays out: making the calls
(in `fetch`), storing records (in `stores.lake`).

The record of a call is a document of the collection `history_windows`: `{_id, coin_id, interval,
start, end, fetched_at, source, outcome, points, first, error}`. The outcomes are

    points      the source returned points; `points` is their count, `first` the time of the first
    empty       the source answered that the window contains no points
    not_found   the coin, or its history, does not exist: the coin is not requested again
    failed      all attempts failed, or the response had points, but each was unreadable or outside
                the window; `error` is the reason. The window is requested again
"""

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Literal

from cryptoassets.coincap.documents import whole_milliseconds
from cryptoassets.coincap.protocol import iso_milliseconds
from cryptoassets.partitions.spans import Span
from cryptoassets.settings import SourceKind
from cryptoassets.stores.mongodb import WINDOWS, Document, FieldTypes, Lake, well_formed

Outcome = Literal["points", "empty", "not_found", "failed"]
Responses = Mapping[str, Sequence[tuple[Span, datetime]]]
"""Maps a coin to its answered windows, each with the time of the response."""

_ANSWERED: tuple[Outcome, ...] = ("points", "empty")
"""Outcomes of answered windows, which are not requested again."""
_CONTROLS = 200
_FIELDS: FieldTypes = {
    **dict.fromkeys(("coin_id", "interval", "outcome"), (str,)),
    **dict.fromkeys(("start", "end", "fetched_at"), (datetime,)),
    "first": (datetime, type(None)),
    "error": (str, type(None)),
}


def call_record(
    coin: str, window: Span, outcome: Outcome, *, interval: str, source: SourceKind, **facts: Any
) -> Document:
    """Return the record of a call that has just ended.

    Args:
        coin: its slug.
        window: the requested window, or the part of it that the source accepted.
        outcome: see the module's docstring.
        interval: interval of the points.
        source: kind of the source that was called.
        facts: `points`, `first`, `error`, if they apply.
    """
    fetched_at = whole_milliseconds(datetime.now(UTC))
    names = (coin, interval, *map(iso_milliseconds, (*window, fetched_at)))
    return {
        "_id": "@".join(names),
        "coin_id": coin,
        "interval": interval,
        "start": window.start,
        "end": window.end,
        "fetched_at": fetched_at,
        "source": source,
        "outcome": outcome,
        "points": 0,
        "first": None,
        "error": None,
        **facts,
    }


@dataclass
class CallRecords:
    """The outcomes of the history calls for one interval, by coin.

    Attributes:
        responses: answered windows, each with the time of the response.
        before_listing: the parts of answered windows that lie before the first returned point.
        listed: times at which the source has, or may have, points of the coin: the first returned
            points, and the starts of failed windows.
        lost: coins that do not exist at the source, from calls for any interval.
    """

    responses: dict[str, list[tuple[Span, datetime]]] = field(
        default_factory=lambda: defaultdict(list)
    )
    before_listing: dict[str, list[Span]] = field(default_factory=lambda: defaultdict(list))
    listed: dict[str, list[datetime]] = field(default_factory=lambda: defaultdict(list))
    lost: set[str] = field(default_factory=set)


def read_call_records(lake: Lake, interval: str) -> CallRecords:
    """Read all records of an interval."""
    calls = CallRecords()
    for record in _records(lake, {}):
        coin, window = record["coin_id"], _window_of(record)
        if record["outcome"] == "not_found":
            calls.lost.add(coin)
        if record["interval"] != interval:
            continue
        if record["outcome"] in _ANSWERED:
            first = record["first"] or window.end
            calls.responses[coin].append((window, record["fetched_at"]))
            calls.before_listing[coin].append(Span(window.start, first))
            if record["first"]:
                calls.listed[coin].append(record["first"])
        elif record["outcome"] == "failed":
            calls.listed[coin].append(window.start)
    return calls


def answered(lake: Lake, interval: str, bounds: Span) -> Responses:
    """Return the answered windows that overlap a span, by coin."""
    responses: dict[str, list[tuple[Span, datetime]]] = defaultdict(list)
    for record in _touching(lake, interval, bounds):
        if record["outcome"] in _ANSWERED:
            responses[record["coin_id"]].append((_window_of(record), record["fetched_at"]))
    return responses


def failures(lake: Lake, interval: str, bounds: Span) -> dict[str, str]:
    """Return the latest error of each coin that has failed calls for windows in a span."""
    touching = _touching(lake, interval, bounds)
    failed = [record for record in touching if record["outcome"] == "failed"]
    failed.sort(key=lambda record: record["fetched_at"])
    return {record["coin_id"]: record["error"] for record in failed}


def requested_coins(lake: Lake) -> tuple[str, ...]:
    """Return every coin that was ever requested, sorted."""
    return tuple(sorted({record["coin_id"] for record in _records(lake, {})}))


def coins_without_history(lake: Lake) -> set[str]:
    """Return coins that do not exist at the source; they are not requested again."""
    return {record["coin_id"] for record in _records(lake, {"outcome": "not_found"})}


def control_window(
    lake: Lake, interval: str, wanted: Mapping[str, Sequence[Span]]
) -> tuple[str, Span] | None:
    """Return a coin and one of its windows that had points, preferably a coin not in `wanted`."""
    known = lake[WINDOWS].find({"outcome": "points"}).sort("end", -1).limit(_CONTROLS)
    some = [record for record in well_formed(known, _FIELDS) if record["interval"] == interval]
    others = [record for record in some if record["coin_id"] not in wanted]
    for record in (*others, *some):
        return record["coin_id"], _window_of(record)
    return None


def _records(lake: Lake, query: Mapping[str, Any]) -> Iterator[Document]:
    """Return the records that match; documents that other programs wrote are skipped."""
    return well_formed(lake[WINDOWS].find(query), _FIELDS)


def _touching(lake: Lake, interval: str, bounds: Span) -> Iterator[Document]:
    touching = {"end": {"$gt": bounds.start}, "start": {"$lt": bounds.end}}
    return (record for record in _records(lake, touching) if record["interval"] == interval)


def _window_of(record: Document) -> Span:
    return Span(record["start"], record["end"])
