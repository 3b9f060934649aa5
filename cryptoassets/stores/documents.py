"""A raw document as a row of its table; what another program wrote is kept and marked as foreign.

What goes here: telling our documents from others, whatever BSON types they hold. What stays out:
asking MongoDB (in `lake`), making documents (`coincap.documents`), rules (in `transforms`).
"""

import json
from datetime import UTC, datetime
from typing import Any, get_args

from cryptoassets.coincap.documents import canonical_payload
from cryptoassets.partitions.spans import Span
from cryptoassets.schemas import RAW_COIN_HISTORY, Table
from cryptoassets.settings import SourceKind
from cryptoassets.stores.mongodb import Document, FieldTypes, has_types

_FIELDS: FieldTypes = {
    **dict.fromkeys(("_id", "coin_id", "source"), (str,)),
    **dict.fromkeys(("observed_at", "fetched_at"), (datetime,)),
    "payload": (dict,),
}
_SOURCES = get_args(SourceKind)


def is_ours(document: Document, table: Table) -> bool:
    """Whether every field has the BSON type that this platform writes."""
    of_interval = {"interval": (str,)} if table is RAW_COIN_HISTORY else {}
    has_our_types = has_types(document, {**_FIELDS, **of_interval})
    return has_our_types and document["source"] in _SOURCES


def row_of(document: Document, table: Table, window: Span) -> Document:
    """One row of a raw table; a document that is not ours is kept and marked.

    Args:
        document: as the server returned it for the window.
        table: of its collection.
        window: the time range that was asked for.
    """
    raw_id = lake_id(document["_id"])
    payload = _payload_text(document) if is_ours(document, table) else None
    if payload is None:
        return {
            "raw_id": raw_id,
            "observed_at": _time_within(document.get("observed_at"), window),
            "payload": json.dumps(document, default=str, sort_keys=True),
            "is_foreign": True,
        }
    of_interval = {"interval": document["interval"]} if table is RAW_COIN_HISTORY else {}
    return {
        "raw_id": raw_id,
        "coin_id": document["coin_id"],
        **of_interval,
        "observed_at": document["observed_at"],
        "fetched_at": document["fetched_at"],
        "source": document["source"],
        "payload": payload,
        "is_foreign": False,
    }


def lake_id(document_id: object) -> str:
    """An `_id` as text; one of another type keeps its type, so that no two meet."""
    if type(document_id) is str:
        return document_id
    # BSON's code is a str in Python, and says nothing of its scope in words.
    text = repr(document_id) if isinstance(document_id, str) else str(document_id)
    return f"{type(document_id).__name__}:{text}"


def time_of(value: object) -> datetime | None:
    """What a server compares with dates: a date, or, on nx-27017, the ISO text of one."""
    if isinstance(value, datetime):
        return value
    if type(value) is not str:
        return None
    try:
        time = datetime.fromisoformat(value)
    except ValueError:
        return None
    return time if time.tzinfo else time.replace(tzinfo=UTC)


def _payload_text(document: Document) -> str | None:
    """The payload's one text; None where it holds a type that JSON does not have."""
    try:
        return canonical_payload(document["payload"])
    except (TypeError, ValueError):
        return None


def _time_within(observed_at: Any, window: Span) -> datetime:
    """The time that a document is counted under, so that it stays in the partition it was found in.

    MongoDB finds an array by each date in it.
    """
    values = observed_at if isinstance(observed_at, list) else [observed_at]
    times = [time for time in map(time_of, values) if time and window[0] <= time < window[1]]
    return min(times, default=window[0])
