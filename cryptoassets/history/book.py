"""The book of calls: what was asked for, when, and what came.

What goes here: the form of a record, and what the records say. What stays out: making the calls (in
`fetch`), storing records (in `io_managers.lake`).

The record of a call is a document of the collection `history_windows`: `{_id, coin_id, interval,
start, end, fetched_at, source, outcome, points, first, error}`. Its outcome is

    points      the window was answered; `points` says with how many, `first` from when on
    empty       it was answered without a point
    not_found   the coin, or its history, does not exist: the coin is not asked for again
    failed      no answer after all retries, or one without a usable point: none can be read, or all
                lie elsewhere; `error` says why, and the window is not covered
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
Answers = Mapping[str, Sequence[tuple[Span, datetime]]]
"""Coin to the windows that were answered, each with the time of the answer."""

_ANSWERED: tuple[Outcome, ...] = ("points", "empty")
"""Outcomes after which a window is not paid for again."""
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
    """The record of a call that ended now.

    Args:
        coin: its slug.
        window: what was asked for, or the part of it that the source took.
        outcome: see the module.
        interval: of the points.
        source: whose answer it is.
        facts: `points`, `first`, `error`, where there are any.
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
class Book:
    """What calls of history brought, of one interval, by coin."""

    answers: dict[str, list[tuple[Span, datetime]]] = field(
        default_factory=lambda: defaultdict(list)
    )
    before_listing: dict[str, list[Span]] = field(default_factory=lambda: defaultdict(list))
    listed: dict[str, list[datetime]] = field(default_factory=lambda: defaultdict(list))
    lost: set[str] = field(default_factory=set)


def whole_book(lake: Lake, interval: str) -> Book:
    """Read all records of an interval."""
    book = Book()
    for record in _records(lake, {}):
        coin, window = record["coin_id"], _window_of(record)
        if record["outcome"] == "not_found":
            book.lost.add(coin)
        if record["interval"] != interval:
            continue
        if record["outcome"] in _ANSWERED:
            first = record["first"] or window.end
            book.answers[coin].append((window, record["fetched_at"]))
            book.before_listing[coin].append(Span(window.start, first))
            if record["first"]:
                book.listed[coin].append(record["first"])
        elif record["outcome"] == "failed":
            book.listed[coin].append(window.start)
    return book


def answered(lake: Lake, interval: str, bounds: Span) -> Answers:
    """The answered windows that touch a span, by coin."""
    answers: dict[str, list[tuple[Span, datetime]]] = defaultdict(list)
    for record in _touching(lake, interval, bounds):
        if record["outcome"] in _ANSWERED:
            answers[record["coin_id"]].append((_window_of(record), record["fetched_at"]))
    return answers


def failures(lake: Lake, interval: str, bounds: Span) -> dict[str, str]:
    """Why windows that touch a span have no answer, by coin; the latest failure counts."""
    touching = _touching(lake, interval, bounds)
    failed = [record for record in touching if record["outcome"] == "failed"]
    failed.sort(key=lambda record: record["fetched_at"])
    return {record["coin_id"]: record["error"] for record in failed}


def coins_asked_for(lake: Lake) -> tuple[str, ...]:
    """Every coin that was asked for, sorted."""
    return tuple(sorted({record["coin_id"] for record in _records(lake, {})}))


def coins_without_history(lake: Lake) -> set[str]:
    """Coins that the source said it does not have; they are not asked for again."""
    return {record["coin_id"] for record in _records(lake, {"outcome": "not_found"})}


def control_window(
    lake: Lake, interval: str, wanted: Mapping[str, Sequence[Span]]
) -> tuple[str, Span] | None:
    """A window known to have points, of a coin that is not asked for if there is one."""
    known = lake[WINDOWS].find({"outcome": "points"}).sort("end", -1).limit(_CONTROLS)
    some = [record for record in well_formed(known, _FIELDS) if record["interval"] == interval]
    others = [record for record in some if record["coin_id"] not in wanted]
    for record in (*others, *some):
        return record["coin_id"], _window_of(record)
    return None


def _records(lake: Lake, query: Mapping[str, Any]) -> Iterator[Document]:
    """Records that match; what another program wrote is passed over."""
    return well_formed(lake[WINDOWS].find(query), _FIELDS)


def _touching(lake: Lake, interval: str, bounds: Span) -> Iterator[Document]:
    touching = {"end": {"$gt": bounds.start}, "start": {"$lt": bounds.end}}
    return (record for record in _records(lake, touching) if record["interval"] == interval)


def _window_of(record: Document) -> Span:
    return Span(record["start"], record["end"])
