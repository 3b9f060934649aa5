"""Splits a response into its elements, each with its original text.

What goes here: the outer two levels of the JSON, which are the envelope and its list `data`. What
stays out: values (in `lossless`).

This module reads the envelope; Python's JSON parser reads each value in it. If a coin is broken,
its text is therefore known, and the page's other coins can still be read.
"""

import json
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from cryptoassets.coincap.lossless import DECODER, is_too_deep, storage_fault
from cryptoassets.coincap.models import Item

_WHITESPACE = re.compile(r"[ \t\n\r]*")
_BRACKETS = re.compile(r'"(?:[^"\\]|\\.)*"|[\[\]{}]', re.DOTALL)


class UnreadableError(ValueError):
    """A body that is not an envelope; `reason` is the reason code for its dead letter."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


@dataclass(frozen=True)
class Envelope:
    """A JSON object whose `data` is split into its elements.

    Attributes:
        members: all members, except `data` if it is a list.
        items: the elements of `data`; None if `data` is absent or not a list.
    """

    members: dict[str, Any]
    items: tuple[Item, ...] | None


def read_envelope(body: bytes) -> Envelope:
    """Split a body into its envelope and elements; a byte order mark is ignored.

    Raises:
        UnreadableError: html, bad_utf8, too_deep, duplicate_keys, not_an_object or not_json.
    """
    try:
        text = body.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise UnreadableError("bad_utf8") from None
    start = _skip_whitespace(text, 0)
    if text[start : start + 1] == "<":
        raise UnreadableError("html")
    try:
        if text[start : start + 1] != "{":
            DECODER.decode(text)
            raise UnreadableError("not_an_object")
        return _Splitter(text).envelope(start)
    except RecursionError:
        raise UnreadableError("too_deep") from None
    except (json.JSONDecodeError, IndexError):
        raise UnreadableError("not_json") from None


class _Splitter:
    """Splits one response's text; methods that read a part take its start and return its end."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._members: dict[str, Any] = {}
        self._items: list[Item] | None = None

    def envelope(self, start: int) -> Envelope:
        end = self._read_members(start, "}", self._member)
        if _skip_whitespace(self._text, end) != len(self._text):
            raise json.JSONDecodeError("more than one value", self._text, end)
        return Envelope(self._members, None if self._items is None else tuple(self._items))

    def _read_members(self, start: int, closing: str, read: Callable[[int], int]) -> int:
        """Call `read` at the start of each member between two brackets."""
        text = self._text
        at = _skip_whitespace(text, start + 1)
        if text[at] == closing:
            return at + 1
        while True:
            at = _skip_whitespace(text, read(at))
            if text[at] == closing:
                return at + 1
            at = _skip_whitespace(text, self._expect(",", at))

    def _member(self, at: int) -> int:
        text = self._text
        self._expect('"', at)
        key, at = DECODER.raw_decode(text, at)
        at = _skip_whitespace(text, self._expect(":", _skip_whitespace(text, at)))
        if key in self._members or (key == "data" and self._items is not None):
            raise UnreadableError("duplicate_keys")
        if key == "data" and text[at] == "[":
            items: list[Item] = []
            self._items = items
            return self._read_members(at, "]", lambda begin: self._item(begin, items))
        self._members[key], at = DECODER.raw_decode(text, at)
        if is_too_deep(self._members[key]):
            raise UnreadableError("too_deep")
        return at

    def _item(self, start: int, items: list[Item]) -> int:
        try:
            value, end = DECODER.raw_decode(self._text, start)
        except RecursionError:
            # The parser's limit depends on Python's version, so find the end without the parser.
            value, end = None, self._end_of_nested(start)
            fault: str | None = "too_deep"
        else:
            fault = storage_fault(value)
        items.append(Item(None if fault else value, self._text[start:end], fault))
        return end

    def _end_of_nested(self, start: int) -> int:
        depth = 0
        for token in _BRACKETS.finditer(self._text, start):
            depth += {"[": 1, "{": 1, "]": -1, "}": -1}.get(token[0], 0)
            if depth == 0:
                return token.end()
        raise json.JSONDecodeError("not closed", self._text, start)

    def _expect(self, char: str, at: int) -> int:
        if self._text[at] != char:
            raise json.JSONDecodeError(f"no {char}", self._text, at)
        return at + 1


def _skip_whitespace(text: str, at: int) -> int:
    found = _WHITESPACE.match(text, at)
    return found.end() if found else at
