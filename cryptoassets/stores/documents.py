"""Converts raw documents to rows; documents of other programs are kept and marked as foreign.

What goes here: distinguishing this platform's documents from foreign ones, which may contain any
BSON types. What stays out: queries to MongoDB (in `mongodb`), creating documents (in
`coincap.documents`), rules (in `transforms`).
"""

import json
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, get_args

import pyarrow as pa

from cryptoassets.coincap.documents import canonical_payload
from cryptoassets.partitions.spans import Span
from cryptoassets.schemas import RawTable
from cryptoassets.schemas.arrow import arrow_schema
from cryptoassets.settings import SourceKind
from cryptoassets.stores.mongodb import Asked, Document
from cryptoassets.transforms.payloads import field_texts, kernel_schema

_COLUMNS = ("observed_at", "raw_id", "fetched_at", "source", "payload", "is_foreign")
"""The columns that all raw tables have; the columns in the table's `identity` follow."""
_SOURCES = frozenset(get_args(SourceKind))


def is_ours(document: Document, table: RawTable) -> bool:
    """Whether a document has the field types and a source that this platform writes."""
    types = table.document_types
    # Types must be equal, because BSON's Code is a subclass of str. All types are compared at once,
    # in C, because this runs for every document.
    found = tuple(map(type, map(document.get, types)))
    return found == tuple(types.values()) and document["source"] in _SOURCES


def raw_rows(
    documents: Iterable[Document],
    table: RawTable,
    span: Span,
    partition: Span,
    asked: Asked,
    coins_asked: int,
) -> pa.Table:
    """Convert documents to rows that a kernel judges, one row per document of a range.

    Args:
        documents: the documents that the server returned for the range.
        table: table of their collection.
        span: the range. A document that counts for a time outside the range is skipped; the
            range that contains that time includes it.
        partition: the partition that contains the range.
        asked: what was requested for the snapshots of the range.
        coins_asked: number of requested coins, assumed for snapshots without a fetch record.

    Returns:
        A table with the columns of `transforms.payloads.kernel_schema(table)`.
    """
    rows: list[tuple[Any, ...]] = []
    payloads: list[Mapping[str, Any]] = []
    for document in documents:
        row, payload = _row_of(document, table, span, partition)
        if span[0] <= row[0] < span[1]:
            rows.append(row)
            payloads.append(payload)
    names = (*_COLUMNS, *table.identity)
    columns: dict[str, Sequence[Any]] = dict.fromkeys(names, ())
    columns |= zip(names, zip(*rows, strict=True), strict=False)
    if table.has_fetch_records:
        of_snapshots = [
            asked.get(moment, (coins_asked, False)) for moment in columns["observed_at"]
        ]
        columns["coins_asked"] = [coins for coins, _ in of_snapshots]
        columns["is_repeated"] = [is_repeated for _, is_repeated in of_snapshots]
    arrays = [pa.array(columns[field.name], field.type) for field in arrow_schema(table)]
    arrays += [_texts(payloads, field) for field in table.payload_fields]
    return pa.table(arrays, schema=kernel_schema(table))


def _texts(payloads: list[Mapping[str, Any]], field: str) -> pa.Array:
    """The values of one field in all payloads, as strings."""
    try:
        # Usually all values are strings or null, which Arrow converts without a Python loop.
        return pa.array([payload.get(field) for payload in payloads], pa.string())
    except (pa.ArrowInvalid, pa.ArrowTypeError):
        return pa.array([field_texts(payload, (field,))[0] for payload in payloads], pa.string())


def _row_of(
    document: Document, table: RawTable, span: Span, partition: Span
) -> tuple[tuple[Any, ...], Mapping[str, Any]]:
    """The fields of one row, and the payload for the rules (empty for a foreign document)."""
    document_id = document["_id"]
    raw_id = document_id if type(document_id) is str else lake_id(document_id)
    payload = _payload_text(document) if is_ours(document, table) else None
    if payload is None:
        observed_at = _time_within(document.get("observed_at"), partition, span)
        text = json.dumps(document, default=str, sort_keys=True)
        unknown = (None,) * len(table.identity)
        return (observed_at, raw_id, None, None, text, True, *unknown), {}
    return (
        document["observed_at"],
        raw_id,
        document["fetched_at"],
        document["source"],
        payload,
        False,
        *(document[name] for name in table.identity),
    ), document["payload"]


def lake_id(document_id: object) -> str:
    """Convert an `_id` to a string.

    Unless it is a str, its type comes first, so that ids of different types stay different.
    """
    if type(document_id) is str:
        return document_id
    # BSON's Code is a str in Python, and str() would omit its scope.
    text = repr(document_id) if isinstance(document_id, str) else str(document_id)
    return f"{type(document_id).__name__}:{text}"


def time_of(value: object) -> datetime | None:
    """Convert a value that MongoDB compares with dates to a time; return None for other values.

    Comparable values are dates and, on the embedded server nx-27017, dates as ISO strings.
    """
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
    """The canonical text of the payload; None if it contains a type that JSON does not have."""
    try:
        return canonical_payload(document["payload"])
    except (TypeError, ValueError):
        return None


def _time_within(observed_at: Any, partition: Span, span: Span) -> datetime:
    """The time for which a document counts; it is always within the partition.

    If `observed_at` is an array, MongoDB finds the document by each date in the array, and also in
    every range that lies between two of the dates. Such a document counts for the earliest of its
    dates in the partition or, if there is none, for the start of the partition.
    """
    is_array = isinstance(observed_at, list)
    values = observed_at if is_array else [observed_at]
    times = [time for time in map(time_of, values) if time and partition[0] <= time < partition[1]]
    return min(times, default=partition[0] if is_array else span[0])
