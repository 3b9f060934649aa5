"""Read an answer's JSON so that nothing is lost unnoticed.

What goes here: splitting an envelope into its elements and naming what a store could not hold
unchanged. What stays out: what the values mean (in `transforms`).

Reason codes of one element: not_an_object, no_id, duplicate_keys, not_json (NaN, Infinity),
number_not_representable, bad_text (lone surrogate), bad_key (NUL in a key), too_deep, too_large.
"""

import json
import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from cryptoassets.coincap.models import Item

DEEPEST_NESTING = 90
"""MongoDB refuses 100 levels; a document of ours adds a few of its own."""
LARGEST_BSON_BYTES = 15 * 1024 * 1024
"""MongoDB refuses 16 MiB."""
_INT64 = 2**63
_LONGEST_INT64_TEXT = 20
_BLANKS = " \t\n\r"


class UnreadableError(ValueError):
    """A body that is not an envelope; `reason` is a reason code of a dead letter."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


@dataclass(frozen=True)
class Envelope:
    """A JSON object split up: every member's value but `data`'s, and `data` by element.

    Attributes:
        members: all members but a `data` that is a list.
        items: the elements of `data`; None when it is absent or no list.
    """

    members: dict[str, Any]
    items: tuple[Item, ...] | None


@dataclass(frozen=True)
class _Lost:
    """Stands in a parsed value where Python's parser would have lost something."""

    reason: str


def _exact_float(text: str) -> float | _Lost:
    number = float(text)
    # Infinite and vanished doubles come first: their exponents are more than Decimal reads.
    if math.isinf(number):
        return _Lost("number_not_representable")
    if number == 0:
        is_exact = not any(digit in "123456789" for digit in text.lower().partition("e")[0])
    else:
        is_exact = Decimal(text) == Decimal(repr(number))
    return number if is_exact else _Lost("number_not_representable")


def _exact_int(text: str) -> int | _Lost:
    if len(text) > _LONGEST_INT64_TEXT or not -_INT64 <= int(text) < _INT64:
        return _Lost("number_not_representable")
    return int(text)


def _unique_members(pairs: list[tuple[str, Any]]) -> dict[str, Any] | _Lost:
    members = dict(pairs)
    return members if len(members) == len(pairs) else _Lost("duplicate_keys")


def _not_json(_literal: str) -> _Lost:
    return _Lost("not_json")


_DECODER = json.JSONDecoder(
    object_pairs_hook=_unique_members,
    parse_float=_exact_float,
    parse_int=_exact_int,
    parse_constant=_not_json,
)


def read_envelope(body: bytes) -> Envelope:
    """Split a body into envelope and elements; a byte order mark is passed over.

    Raises:
        UnreadableError: html, bad_utf8, too_deep, duplicate_keys, not_an_object or not_json.
    """
    try:
        text = body.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise UnreadableError("bad_utf8") from None
    start = _past_blanks(text, 0)
    if text[start : start + 1] == "<":
        raise UnreadableError("html")
    try:
        if text[start : start + 1] != "{":
            _DECODER.decode(text)
            raise UnreadableError("not_an_object")
        return _envelope(text, start)
    except RecursionError:
        raise UnreadableError("too_deep") from None
    except (json.JSONDecodeError, IndexError):
        raise UnreadableError("not_json") from None


def _envelope(text: str, start: int) -> Envelope:
    members: dict[str, Any] = {}
    items: tuple[Item, ...] | None = None

    def read_member(at: int) -> int:
        nonlocal items
        if text[at] != '"':
            raise json.JSONDecodeError("no key", text, at)
        key, at = _DECODER.raw_decode(text, at)
        at = _past_blanks(text, at)
        if text[at] != ":":
            raise json.JSONDecodeError("no colon", text, at)
        at = _past_blanks(text, at + 1)
        if key in members or (key == "data" and items is not None):
            raise UnreadableError("duplicate_keys")
        if key == "data" and text[at] == "[":
            found: list[Item] = []
            at = _each(text, at, "]", lambda begin: _read_item(text, begin, found))
            items = tuple(found)
        else:
            members[key], at = _DECODER.raw_decode(text, at)
        return at

    end = _each(text, start, "}", read_member)
    if _past_blanks(text, end) != len(text):
        raise json.JSONDecodeError("more than one value", text, end)
    return Envelope(members, items)


def _each(text: str, start: int, closing: str, read: Callable[[int], int]) -> int:
    """Call `read` at each member between brackets; return the place after the closing one."""
    at = _past_blanks(text, start + 1)
    if text[at] == closing:
        return at + 1
    while True:
        at = _past_blanks(text, read(at))
        if text[at] == closing:
            return at + 1
        if text[at] != ",":
            raise json.JSONDecodeError("no comma", text, at)
        at = _past_blanks(text, at + 1)


def _read_item(text: str, start: int, found: list[Item]) -> int:
    value, end = _DECODER.raw_decode(text, start)
    fault = storage_fault(value)
    found.append(Item(None if fault else value, text[start:end], fault))
    return end


def _past_blanks(text: str, at: int) -> int:
    while at < len(text) and text[at] in _BLANKS:
        at += 1
    return at


def storage_fault(value: Any) -> str | None:
    """Return the reason code why a JSON element cannot be stored unchanged, or None."""
    if isinstance(value, _Lost):
        return value.reason
    if not isinstance(value, dict):
        return "not_an_object"
    fault = next((code for code in _faults_within(value) if code), None)
    if fault is None and bson_bytes(value) > LARGEST_BSON_BYTES:
        return "too_large"
    return fault


def _faults_within(element: dict[str, Any]) -> Iterator[str | None]:
    pending: list[tuple[Any, int]] = [(element, 1)]
    while pending:
        value, depth = pending.pop()
        if isinstance(value, _Lost):
            yield value.reason
        elif isinstance(value, str):
            yield _text_fault(value)
        elif isinstance(value, dict | list):
            if depth > DEEPEST_NESTING:
                yield "too_deep"
                return
            if isinstance(value, dict):
                yield from (_text_fault(key) for key in value)
                yield "bad_key" if any("\0" in key for key in value) else None
            children = value.values() if isinstance(value, dict) else value
            pending.extend((child, depth + 1) for child in children)


def _text_fault(text: str) -> str | None:
    try:
        text.encode()
    except UnicodeEncodeError:
        return "bad_text"
    return None


def bson_bytes(value: Any) -> int:
    """Return the size of a JSON value in BSON, bytes; counts every integer as 8."""
    if isinstance(value, str):
        return len(value.encode()) + 5
    if isinstance(value, dict):
        return 5 + sum(len(k.encode()) + 2 + bson_bytes(v) for k, v in value.items())
    if isinstance(value, list):
        return 5 + sum(len(str(i)) + 2 + bson_bytes(v) for i, v in enumerate(value))
    return 8
