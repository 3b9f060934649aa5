"""Parse JSON so that what Python or BSON would change is kept as text, or marked.

A number that neither a double nor an int64 holds exactly is kept as `{"$numberDecimal": text}`, the
way MongoDB's Extended JSON writes a decimal; `transforms.payloads` reads that as the number.

What goes here: the decoder, and naming why a value cannot be stored unchanged. What stays out:
envelopes (in `verbatim`) and what values mean (in `transforms`).

Reason codes: not_an_object, duplicate_keys, not_json (NaN, Infinity), number_not_representable
(over 400 characters long), bad_text (lone surrogate), bad_key (NUL in a key), changed_by_store,
too_deep, too_large.
"""

import json
import math
from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from cryptoassets.schemas import NUMBER_KEY

DEEPEST_NESTING = 90
"""MongoDB refuses 100 levels, and a stored document adds a few to those of its payload."""
LARGEST_BSON_BYTES = 15 * 1024 * 1024
"""MongoDB refuses 16 MiB."""
_DECODED_KEYS = {NUMBER_KEY, "$date", "__neosqlite_binary__", "__neosqlite_objectid__"}
"""MongoDB holds them as they are; its stand-in nx-27017 gives such an object back as a date, bytes
or an ObjectId, and we the first one as a number. CoinCap sends none: refused everywhere, because a
payload is the same in either store.
"""
_INT64 = 2**63
_LONGEST_INT64_TEXT = 20
_LONGEST_NUMBER_TEXT = 400
"""No rule reads a longer one, and Java's parser refuses a document with one of 1,000."""


@dataclass(frozen=True)
class Lost:
    """Stands in a parsed value where a usual parser would have lost something."""

    reason: str


class ExactNumber(dict[str, str]):
    """A JSON number in its own text, because no BSON number that every store has can hold it."""

    def __init__(self, text: str) -> None:
        """Keep the text."""
        super().__init__({NUMBER_KEY: text})


def _as_text(text: str) -> ExactNumber | Lost:
    if len(text) > _LONGEST_NUMBER_TEXT:
        return Lost("number_not_representable")
    return ExactNumber(text)


def _exact_float(text: str) -> float | ExactNumber | Lost:
    number = float(text)
    # Infinite and vanished doubles come first: their exponents are more than Decimal reads.
    if math.isinf(number):
        return _as_text(text)
    if number == 0:
        is_exact = not any(digit in "123456789" for digit in text.lower().partition("e")[0])
    else:
        is_exact = Decimal(text) == Decimal(repr(number))
    return number if is_exact else _as_text(text)


def _exact_int(text: str) -> int | ExactNumber | Lost:
    if len(text) > _LONGEST_INT64_TEXT or not -_INT64 <= int(text) < _INT64:
        return _as_text(text)
    return int(text)


def _unique_members(pairs: list[tuple[str, Any]]) -> dict[str, Any] | Lost:
    members = dict(pairs)
    return members if len(members) == len(pairs) else Lost("duplicate_keys")


def _not_json(_literal: str) -> Lost:
    return Lost("not_json")


DECODER = json.JSONDecoder(
    object_pairs_hook=_unique_members,
    parse_float=_exact_float,
    parse_int=_exact_int,
    parse_constant=_not_json,
)


def storage_fault(value: Any) -> str | None:
    """Return the reason code why an element cannot be stored unchanged as document, or None."""
    if isinstance(value, Lost):
        return value.reason
    if not isinstance(value, dict):
        return "not_an_object"
    fault = next(_faults_within(value), None)
    if fault is None and bson_bytes(value) > LARGEST_BSON_BYTES:
        return "too_large"
    return fault


def is_too_deep(value: Any) -> bool:
    """Say whether lists and objects lie in one another deeper than a store takes."""
    return "too_deep" in _faults_within(value)


def _faults_within(element: Any) -> Iterator[str]:
    # A stack of our own: values may lie deeper than Python's.
    pending: list[tuple[Any, int]] = [(element, 1)]
    while pending:
        value, depth = pending.pop()
        if isinstance(value, Lost):
            yield value.reason
        elif isinstance(value, ExactNumber):
            continue
        elif isinstance(value, str):
            yield from _text_faults(value)
        elif isinstance(value, dict | list):
            if depth > DEEPEST_NESTING:
                yield "too_deep"
                return
            if isinstance(value, dict):
                for key, member in value.items():
                    yield from _key_faults(key, member)
            children = value.values() if isinstance(value, dict) else value
            pending.extend((child, depth + 1) for child in children)


def _key_faults(key: str, member: Any) -> Iterator[str]:
    yield from _text_faults(key)
    if "\0" in key:
        yield "bad_key"
    # nx-27017 gives false, 0.0 and -0.0 back as 0, at this key and no other.
    is_other_zero = key == "id" and isinstance(member, bool | float) and not member
    if is_other_zero or key in _DECODED_KEYS:
        yield "changed_by_store"


def _text_faults(text: str) -> Iterator[str]:
    try:
        text.encode()
    except UnicodeEncodeError:
        yield "bad_text"


def bson_bytes(value: Any) -> int:
    """Return the size of a JSON value in BSON, bytes; counts every number as 8."""
    if isinstance(value, str):
        return len(value.encode()) + 5
    if isinstance(value, dict):
        return 5 + sum(len(k.encode()) + 2 + bson_bytes(v) for k, v in value.items())
    if isinstance(value, list):
        return 5 + sum(len(str(i)) + 2 + bson_bytes(v) for i, v in enumerate(value))
    return 8
