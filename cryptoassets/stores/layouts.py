"""Reads BSON documents that have the same fields in the same order into Arrow columns.

What goes here: vectorised reading of documents that this platform wrote. What stays out: all other
documents, which `documents` reads value by value, with the same result.

Documents from one response have the same keys in the same order; only the strings' lengths differ.
Therefore numpy computes the positions of a field in all documents at once, without a Python object
per value.
"""

import struct
from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa
from bson.errors import InvalidBSON
from numpy.typing import NDArray

Integers = NDArray[np.int64]

DATE = 0x09
STRING = 0x02
DOCUMENT = 0x03
NULL = 0x0A
_ARRAY = 0x04
_FIXED_SIZES = {0x01: 8, 0x08: 1, DATE: 8, NULL: 0, 0x10: 4, 0x12: 8}
"""Maps a BSON type to the size of its values in bytes: double, bool, date, null, int, long."""
_SIZED = {STRING: 4, DOCUMENT: 0, _ARRAY: 0}
"""Maps a BSON type whose values begin with a length to the number of bytes that the length does
not count."""
_LEAST_SIZE = 5
"""Size of an empty string, document or array in bytes, including its length and its NUL."""
_LONGEST_KEY = 255
_UNKNOWN = -1
_SIZES = np.full(256, _UNKNOWN, np.int64)
_SIZES[[*_FIXED_SIZES, *_SIZED]] = [*_FIXED_SIZES.values(), *_SIZED.values()]
_IS_SIZED = np.isin(np.arange(256), [*_SIZED])


class Layout(NamedTuple):
    """The keys of a document and of its payload, in order."""

    fields: tuple[str, ...]
    payload: tuple[str, ...]


class Element(NamedTuple):
    """Where one field, its value and its end are in each document; and the field's BSON type."""

    start: Integers
    value: Integers
    end: Integers
    types: NDArray[np.uint8]

    def of(self, rows: Integers) -> "Element":
        """The positions in some of the documents."""
        return Element(self.start[rows], self.value[rows], self.end[rows], self.types[rows])


class Batch:
    """A buffer of concatenated BSON documents, as the server sent them."""

    def __init__(self, content: bytes) -> None:
        self._length = len(content)
        # Padded, because positions that are computed for another layout may be beyond the end.
        self._content = content + bytes(_LONGEST_KEY + 1)
        self.starts, self.ends = _bounds(content)
        self.numbers = np.arange(len(self.starts))

    def document(self, number: int) -> bytes:
        """The BSON of one document."""
        return self._content[self.starts[number] : self.ends[number]]

    def places(self, rows: Integers, layout: Layout) -> tuple[dict[str, Element], Integers]:
        """Find the fields of a layout in some documents.

        Args:
            rows: numbers of documents, ascending.
            layout: a layout without duplicate keys.

        Returns:
            A map from each field, or `payload.<key>`, to its positions in the documents that have
            the layout; and the numbers of these documents.
        """
        at, ends = self.starts[rows] + 4, self.ends[rows]
        is_alike = np.ones(len(rows), bool)
        found: dict[str, Element] = {}
        for field in layout.fields:
            found[field] = element = self._element(at, field, is_alike)
            at = element.end
            if field == "payload":
                is_alike &= element.types == DOCUMENT
                at = element.value + 4
                for key in layout.payload:
                    found[f"payload.{key}"] = inner = self._element(at, key, is_alike)
                    at = inner.end
                is_alike &= at == element.end - 1
                at = element.end
        is_alike &= (at == ends - 1) & (self._viewed("u1")[ends - 1] == 0)
        alike = np.flatnonzero(is_alike)
        return {name: element.of(alike) for name, element in found.items()}, rows[alike]

    def _element(self, at: Integers, key: str, is_alike: NDArray[np.bool_]) -> Element:
        """Read the element at each position; clear `is_alike` where the element does not fit.

        An element fits if it has the key, a known type, and a length within the buffer.
        """
        name = key.encode() + b"\0"
        start = np.minimum(at, self._length)
        types = self._viewed("u1")[start]
        value = np.minimum(start + 1 + len(name), self._length)
        sizes, is_sized = _SIZES[types], _IS_SIZED[types]
        lengths = self._viewed("<i4")[value].astype(np.int64)
        end = value + sizes + np.where(is_sized, lengths, 0)
        # numpy ignores trailing NULs, but a longer key has another byte in place of the NUL.
        is_alike &= self._viewed(f"S{len(name)}")[np.minimum(start + 1, self._length)] == name
        is_alike &= (sizes != _UNKNOWN) & (end <= self._length)
        end = np.clip(end, value, self._length)
        is_closed = (end - value >= _LEAST_SIZE) & (self._viewed("u1")[end - 1] == 0)
        is_alike &= is_closed | ~is_sized
        return Element(start, value, end, types)

    def _viewed(self, kind: str) -> NDArray[Any]:
        """The buffer as an array of overlapping items of a type, one item per byte position."""
        item = np.dtype(kind)
        return np.ndarray(
            (len(self._content) - item.itemsize + 1,), item, self._content, strides=(1,)
        )

    def milliseconds(self, dates: Element) -> Integers:
        """The value of each date in milliseconds since 1970."""
        return self._viewed("<i8")[dates.value].astype(np.int64)

    def texts(self, strings: Element) -> pa.Array:
        """The value of each string; null if a document has another type.

        Raises:
            pyarrow.ArrowInvalid: a string is not UTF-8.
        """
        is_string = strings.types == STRING
        found = self._slices(strings.value + 4, strings.end - 1, is_string).view(pa.string())
        found.validate(full=True)
        return found

    def elements(self, some: Element) -> pa.Array:
        """The bytes of each element; a length before and a NUL after them make them a document."""
        return self._slices(some.start, some.end, np.ones(len(some.start), bool))

    def _slices(self, starts: Integers, ends: Integers, is_wanted: NDArray[np.bool_]) -> pa.Array:
        """The bytes of each slice, at ascending positions; null for slices that are not wanted."""
        ends = np.maximum(starts, ends)
        offsets = np.column_stack([starts, ends]).ravel().astype(np.int32)
        buffers = [None, pa.py_buffer(offsets), pa.py_buffer(self._content)]
        all_bytes = pa.Array.from_buffers(pa.binary(), max(0, len(offsets) - 1), buffers)
        return all_bytes.take(pa.array(np.arange(0, len(offsets), 2), mask=~is_wanted))


def layout_of(document: Mapping[str, Any]) -> Layout | None:
    """The layout of a document; None if it has no payload or has keys that no source sends."""
    payload = document.get("payload")
    if type(payload) is not dict:
        return None
    # BSON readers may decode a document whose keys start with "$" as another type.
    is_odd = any(key.startswith("$") or len(key.encode()) > _LONGEST_KEY for key in payload)
    return None if is_odd else Layout(tuple(document), tuple(payload))


def _bounds(content: bytes) -> tuple[Integers, Integers]:
    """The start and the end of each document."""
    starts, at = [], 0
    length_at = struct.Struct("<i").unpack_from
    while at < len(content):
        starts.append(at)
        (length,) = length_at(content, at) if at + _LEAST_SIZE <= len(content) else (0,)
        if not _LEAST_SIZE <= length <= len(content) - at:
            raise InvalidBSON(f"a document of {length} bytes where {len(content) - at} are left")
        at += length
    bounds = np.array([*starts, at], np.int64)
    return bounds[:-1], bounds[1:]
