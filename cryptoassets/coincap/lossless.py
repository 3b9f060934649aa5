"""Parses JSON without loss: values that Python or BSON would change are kept as text or refused.

A number that neither a double nor an int64 represents exactly is kept as `{"$numberDecimal":
text}`, like a decimal in MongoDB's Extended JSON. `transforms.payloads` reads it as a number.

What goes here: the decoder, and the reason why a value cannot be stored unchanged. What stays out:
envelopes (in `verbatim`) and the meaning of values (in `transforms`).

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

MAX_NESTING = 90
"""MongoDB refuses 100 levels of nesting; a document has a few more levels than its payload."""
MAX_BSON_BYTES = 15 * 1024 * 1024
"""MongoDB refuses documents of 16 MiB."""
_DECODED_KEYS = {NUMBER_KEY, "$date", "__neosqlite_binary__", "__neosqlite_objectid__"}
"""Keys with a special meaning in a store.

`NUMBER_KEY` marks a number kept as text (see above). MongoDB stores the other keys unchanged, but
nx-27017, the embedded server that replaces it, returns such objects as dates, bytes or ObjectIds.
CoinCap does not send any of these keys. They are refused for both servers, so that both store the
same data.
"""
_INT64 = 2**63
_LONGEST_INT64_TEXT = 20
_MAX_NUMBER_LENGTH = 400
"""No rule accepts a longer number, and Java's JSON parser refuses more than 1,000 characters."""


@dataclass(frozen=True)
class Unrepresentable:
    """Replaces a part of a parsed value that cannot be represented; `reason` is a reason code."""

    reason: str


class ExactNumber(dict[str, str]):
    """A JSON number kept as text, because no type common to both stores represents it exactly."""

    def __init__(self, text: str) -> None:
        """Keep the text."""
        super().__init__({NUMBER_KEY: text})


def _as_text(text: str) -> ExactNumber | Unrepresentable:
    if len(text) > _MAX_NUMBER_LENGTH:
        return Unrepresentable("number_not_representable")
    return ExactNumber(text)


def _exact_float(text: str) -> float | ExactNumber | Unrepresentable:
    number = float(text)
    # Check for infinity and zero first: Decimal cannot read the extreme exponents of such numbers.
    if math.isinf(number):
        return _as_text(text)
    if number == 0:
        is_exact = not any(digit in "123456789" for digit in text.lower().partition("e")[0])
    else:
        is_exact = Decimal(text) == Decimal(repr(number))
    return number if is_exact else _as_text(text)


def _exact_int(text: str) -> int | ExactNumber | Unrepresentable:
    if len(text) > _LONGEST_INT64_TEXT or not -_INT64 <= int(text) < _INT64:
        return _as_text(text)
    return int(text)


def _unique_members(pairs: list[tuple[str, Any]]) -> dict[str, Any] | Unrepresentable:
    members = dict(pairs)
    return members if len(members) == len(pairs) else Unrepresentable("duplicate_keys")


def _not_json(_literal: str) -> Unrepresentable:
    return Unrepresentable("not_json")


DECODER = json.JSONDecoder(
    object_pairs_hook=_unique_members,
    parse_float=_exact_float,
    parse_int=_exact_int,
    parse_constant=_not_json,
)


def storage_fault(value: Any) -> str | None:
    """Return the reason code if an element cannot be stored unchanged as a document, else None."""
    if isinstance(value, Unrepresentable):
        return value.reason
    if not isinstance(value, dict):
        return "not_an_object"
    fault = next(_faults_within(value), None)
    if fault is None and bson_bytes(value) > MAX_BSON_BYTES:
        return "too_large"
    return fault


def is_too_deep(value: Any) -> bool:
    """Return whether lists and objects are nested deeper than a store accepts."""
    return "too_deep" in _faults_within(value)


def _faults_within(element: Any) -> Iterator[str]:
    # Not recursive, because values may be nested deeper than Python's recursion limit.
    pending: list[tuple[Any, int]] = [(element, 1)]
    while pending:
        value, depth = pending.pop()
        if isinstance(value, Unrepresentable):
            yield value.reason
        elif isinstance(value, ExactNumber):
            continue
        elif isinstance(value, str):
            yield from _text_faults(value)
        elif isinstance(value, dict | list):
            if depth > MAX_NESTING:
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
    # nx-27017 returns false, 0.0 and -0.0 as 0 for this key only.
    is_other_zero = key == "id" and isinstance(member, bool | float) and not member
    if is_other_zero or key in _DECODED_KEYS:
        yield "changed_by_store"


def _text_faults(text: str) -> Iterator[str]:
    try:
        text.encode()
    except UnicodeEncodeError:
        yield "bad_text"


def bson_bytes(value: Any) -> int:
    """Return the size of a JSON value in BSON, in bytes; every number counts as 8."""
    if isinstance(value, str):
        return len(value.encode()) + 5
    if isinstance(value, dict):
        return 5 + sum(len(k.encode()) + 2 + bson_bytes(v) for k, v in value.items())
    if isinstance(value, list):
        return 5 + sum(len(str(i)) + 2 + bson_bytes(v) for i, v in enumerate(value))
    return 8
