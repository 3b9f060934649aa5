"""Converts batches of raw documents to table rows, without creating a Python object per value.

What goes here: converting documents that this platform wrote, and writing their payloads as JSON.
What stays out: finding values in BSON (in `layouts`), converting other documents (in `documents`).

The rows are the same as `documents.raw_rows` returns; tests compare them.
"""

import json
import struct
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import Any, NamedTuple, get_args

import bson
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from bson.codec_options import CodecOptions
from bson.errors import BSONError
from numpy.typing import NDArray

from cryptoassets.coincap.documents import canonical_payload
from cryptoassets.partitions.spans import Span
from cryptoassets.schemas import RawTable
from cryptoassets.schemas.arrow import arrow_schema
from cryptoassets.settings import SourceKind
from cryptoassets.stores.documents import raw_rows
from cryptoassets.stores.layouts import (
    DATE,
    DOCUMENT,
    NULL,
    STRING,
    Batch,
    Element,
    Integers,
    layout_of,
)
from cryptoassets.stores.mongodb import Asked, Document
from cryptoassets.transforms.payloads import field_texts, kernel_schema

TextOf = Callable[[bytes], tuple[str | None, str | None]]
"""See `_text_of`."""
_MAX_LAYOUTS = 8
"""Maximum number of layouts (orders of keys) per batch; other documents are read one by one."""
_BSON_TYPES = {str: STRING, datetime: DATE, dict: DOCUMENT}
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MILLISECOND = timedelta(milliseconds=1)
_YEAR_9999_MS = (datetime(9999, 1, 1, tzinfo=UTC) - _EPOCH) // _MILLISECOND
_ESCAPED = r"[^ !#-\[\]-~]"
"""Matches a character that must be escaped in ASCII JSON."""


@dataclass(frozen=True)
class BatchReader:
    """Converts batches of documents from one range to rows.

    The fields are the arguments of `raw_rows`, and the codec options of the MongoDB collection.
    """

    table: RawTable
    span: Span
    partition: Span
    asked: Asked
    coins_asked: int
    options: CodecOptions[Any]

    def rows(self, batches: Iterable[bytes]) -> pa.Table:
        """Return the same rows as `raw_rows`, but possibly in another order."""
        parts = [self._plain_rows([])]
        # Cached, because many documents of a range contain the same values.
        text_of = cache(_text_of)
        for content in batches:
            parts += self._parts(Batch(content), text_of)
        return pa.concat_tables(parts).combine_chunks()

    def _parts(self, batch: Batch, text_of: TextOf) -> list[pa.Table]:
        """The rows of one batch: those of documents that match a layout, then all others."""
        parts: list[pa.Table] = []
        others: list[int] = []
        rest = batch.numbers
        for _ in range(_MAX_LAYOUTS):
            if not len(rest):
                break
            part, read = self._rows_alike(batch, rest, text_of)
            parts.append(part)
            unread = np.setdiff1d(rest, read, assume_unique=True)
            # The layout is that of `rest[0]`. If even this document could not be read with it, no
            # other layout fits.
            is_tried = unread == rest[0]
            others += unread[is_tried].tolist()
            rest = unread[~is_tried]
        plain = b"".join(map(batch.document, [*others, *rest.tolist()]))
        return [*parts, self._plain_rows(bson.decode_all(plain, self.options))]

    def _plain_rows(self, documents: list[Document]) -> pa.Table:
        return raw_rows(
            documents, self.table, self.span, self.partition, self.asked, self.coins_asked
        )

    def _rows_alike(
        self, batch: Batch, rows: Integers, text_of: TextOf
    ) -> tuple[pa.Table, Integers]:
        """The rows of documents with the first document's layout, and these documents' numbers.

        Documents that need the full checks of the module `documents` are left out.
        """
        none = self._plain_rows([]), rows[:0]
        layout = layout_of(bson.decode(batch.document(rows[0]), self.options))
        if layout is None or sorted(layout.fields) != sorted(self.table.document_types):
            return none
        places, alike = batch.places(rows, layout)
        try:
            texts = {
                key: _texts(batch, places[f"payload.{key}"], text_of) for key in layout.payload
            }
            made, is_read = self._made(batch, places, texts, len(alike))
        except pa.ArrowInvalid:
            # A string is not UTF-8. The slow path raises pymongo's error for it.
            return none
        if not is_read.all():
            made, alike = made.filter(pa.array(is_read)), alike[is_read]
        return made, alike

    def _made(
        self, batch: Batch, places: dict[str, Element], texts: dict[str, "_Texts"], count: int
    ) -> tuple[pa.Table, NDArray[np.bool_]]:
        """Rows of `count` documents, and for each row whether it is usable."""
        is_read = np.ones(count, bool)
        for field, kind in self.table.document_types.items():
            is_read &= places[field].types == _BSON_TYPES[kind]
        observed, fetched = (batch.milliseconds(places[f"{x}_at"]) for x in ("observed", "fetched"))
        start, end = (-(-(moment - _EPOCH) // _MILLISECOND) for moment in self.span)
        is_read &= (observed >= max(start, 0)) & (observed < end)
        is_read &= (fetched >= 0) & (fetched < _YEAR_9999_MS)
        columns: dict[str, pa.Array] = {
            name: batch.texts(places[name]) for name in (*self.table.identity, "source")
        }
        is_read &= pc.is_in(columns["source"], pa.array(get_args(SourceKind))).to_numpy(
            zero_copy_only=False
        )
        for text in texts.values():
            is_read &= text.is_read
        columns |= {
            "raw_id": batch.texts(places["_id"]),
            "observed_at": _times(observed),
            "fetched_at": _times(fetched),
            "payload": _joined(texts, count),
            "is_foreign": pa.repeat(pa.scalar(False), count),
        }
        if self.table.has_fetch_records:
            columns |= self._asked_of(np.where(is_read, observed, start))
        names = arrow_schema(self.table).names
        arrays = [columns[name] for name in names]
        missing = pa.nulls(count, pa.string())
        arrays += [
            texts[field].as_field if field in texts else missing
            for field in self.table.payload_fields
        ]
        return pa.table(arrays, schema=kernel_schema(self.table)), is_read

    def _asked_of(self, observed: Integers) -> dict[str, pa.Array]:
        """What was requested for each row's snapshot; looked up only once per distinct time."""
        moments, places = np.unique(observed, return_inverse=True)
        default = (self.coins_asked, False)
        requests = [self.asked.get(_EPOCH + int(ms) * _MILLISECOND, default) for ms in moments]
        kinds = {"coins_asked": pa.int32(), "is_repeated": pa.bool_()}
        return {
            name: pa.array([one[n] for one in requests], kind).take(pa.array(places))
            for n, (name, kind) in enumerate(kinds.items())
        }


class _Texts(NamedTuple):
    """The values of one field in all payloads.

    Attributes:
        as_field: the text that the rules read, see `transforms.payloads.field_texts`.
        as_json: the value as `canonical_payload` writes it.
        is_read: false if JSON cannot represent the value.
    """

    as_field: pa.Array
    as_json: pa.Array
    is_read: NDArray[np.bool_]


def _texts(batch: Batch, element: Element, text_of: TextOf) -> _Texts:
    strings = batch.texts(element)
    as_json = pc.fill_null(_quoted(strings), "null")
    is_read = np.ones(len(strings), bool)
    is_other = (element.types != STRING) & (element.types != NULL)
    if not is_other.any():
        return _Texts(strings, as_json, is_read)
    others = batch.elements(element.of(np.flatnonzero(is_other))).dictionary_encode()
    texts = map(text_of, others.dictionary.to_pylist())
    as_texts = [
        pa.array(column, pa.string()).take(others.indices) for column in zip(*texts, strict=True)
    ]
    mask = pa.array(is_other)
    is_read[is_other] = as_texts[1].is_valid()
    return _Texts(
        pc.replace_with_mask(strings, mask, as_texts[0]),
        pc.replace_with_mask(as_json, mask, as_texts[1]),
        is_read,
    )


def _text_of(element: bytes) -> tuple[str | None, str | None]:
    """Return a value as text for the rules, and as JSON; both None if it does not fit into JSON."""
    document = struct.pack("<i", len(element) + 5) + element + b"\0"
    try:
        ((name, value),) = bson.decode(document).items()
        return field_texts({name: value}, (name,))[0], canonical_payload(value)
    except (BSONError, TypeError, ValueError):
        return None, None


def _quoted(strings: pa.Array) -> pa.Array:
    """Each string as ASCII JSON."""
    content = np.frombuffer(strings.buffers()[2] or b"", np.uint8)
    is_plain = (content >= ord(" ")) & (content <= ord("~"))
    is_plain &= (content != ord('"')) & (content != ord("\\"))
    quoted = pc.binary_join_element_wise('"', strings, '"', "")
    if is_plain.all():
        return quoted
    is_escaped = pc.fill_null(pc.match_substring_regex(strings, _ESCAPED), False)
    escaped = map(json.dumps, strings.filter(is_escaped).to_pylist())
    return pc.replace_with_mask(quoted, is_escaped, pa.array(escaped, pa.string()))


def _joined(texts: dict[str, _Texts], count: int) -> pa.Array:
    """The payloads as `canonical_payload` writes them."""
    pieces: list[Any] = []
    for key in sorted(texts):
        pieces += [f"{',' if pieces else '{'}{json.dumps(key)}:", texts[key].as_json]
    if not pieces:
        return pa.repeat(pa.scalar("{}"), count)
    return pc.binary_join_element_wise(*pieces, "}", "")


def _times(milliseconds: Integers) -> pa.Array:
    return pa.array(milliseconds * 1000).cast(pa.timestamp("us", tz="UTC"))
