"""The error text of a response without data, and whether CoinCap itself wrote it.

What goes here: reading a JSON error, the title of a web page or plain text. What stays out: what
the text means for the call (in `verdicts`).
"""

import html
import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from cryptoassets.coincap.documents import MAX_STORED_BODY_BYTES
from cryptoassets.coincap.redaction import BearerKey

_SHOWN_CHARS = 200
_ERROR_MEMBERS = ("error", "message", "errors", "detail", "reason")
_TITLE = re.compile(r"(?is)<(title|h1)\b[^>]*>(.*?)</\1>")
_TAG = re.compile(r"<[^>]*>")
_WAIT = re.compile(
    r"(?i)\b(?:in|after|for|wait)\s+(\d{1,6}(?:\.\d+)?)\s*(ms|milli\w*|s|sec\w*|m|min\w*)\b"
)


@dataclass(frozen=True)
class ErrorText:
    """The error text of one response.

    Attributes:
        text: the text as one line without control characters, redacted and shortened; empty if
            the body was empty.
        is_from_coincap: True if CoinCap may have written it: a JSON object or an empty body. False
            for a web page or plain text, which a proxy or gateway wrote.
        json_error: the text of the JSON error, or empty. Only this text is checked for wording
            about used-up credits, an invalid key or a rate limit.
        status: the HTTP error status that the JSON error contains; None if it contains none.
        wait_seconds: how long the JSON error asks to wait; None if it names no time.
    """

    text: str
    is_from_coincap: bool
    json_error: str = ""
    status: int | None = None
    wait_seconds: float | None = None

    @property
    def shown(self) -> str:
        """The text after a colon, to append to a message; empty if there is no text."""
        return f": {self.text}" if self.text else ""


def read_error_text(body: bytes, key: BearerKey) -> ErrorText:
    """Read the error text of a body that is not the requested data."""
    text = body[:MAX_STORED_BODY_BYTES].decode("utf-8-sig", errors="replace").strip()
    if not text:
        return ErrorText("", is_from_coincap=True)
    if text.startswith("<"):
        return ErrorText(_page_words(text, key), is_from_coincap=False)
    if not text.startswith("{"):
        return ErrorText(_one_line(text, key), is_from_coincap=False)
    try:
        members = json.loads(text)
        # Errors may also be inside `data`: v2 announced its deprecation with a message there.
        found = list(dict.fromkeys(_error_texts(members)))
        found = found or list(_error_texts(members.get("data")))
    except (ValueError, RecursionError):
        return ErrorText(_one_line(text, key), is_from_coincap=True)
    error = ". ".join(found)
    status = members.get("statusCode", members.get("status"))
    return ErrorText(
        _one_line(error or text, key),
        is_from_coincap=True,
        json_error=error,
        status=status if isinstance(status, int) and 400 <= status < 600 else None,  # noqa: PLR2004
        wait_seconds=_wait_seconds(error),
    )


def _error_texts(members: Any) -> Iterator[str]:
    """Yield the texts of a JSON error, which may be a string, an object or a list of these."""
    if not isinstance(members, dict):
        return
    for name in _ERROR_MEMBERS:
        value = members.get(name)
        for part in value if isinstance(value, list) else [value]:
            if isinstance(part, str) and part.strip():
                yield part.strip()
            else:
                yield from _error_texts(part)


def _page_words(text: str, key: BearerKey) -> str:
    title = _TITLE.search(text)
    words = _one_line(html.unescape(_TAG.sub(" ", title[2])), key) if title else ""
    return f'a web page titled "{words}"' if words else "a web page without a title"


def _wait_seconds(error: str) -> float | None:
    found = _WAIT.search(error)
    if found is None:
        return None
    unit = found[2].lower()
    if unit.startswith(("ms", "milli")):
        return float(found[1]) / 1000
    return float(found[1]) * (60 if unit.startswith("m") else 1)


def _one_line(text: str, key: BearerKey) -> str:
    # A terminal would interpret control characters. Redact before cutting: half a key would not be
    # recognized.
    printable = "".join(char if char.isprintable() else " " for char in text)
    return key.redacted(" ".join(printable.split()))[:_SHOWN_CHARS]
