"""What a server says in an answer that brings no data: its own words, and who seems to speak.

What goes here: reading a JSON error, the title of a web page or plain text. What stays out: what
follows from the words (in `verdicts`).
"""

import html
import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from cryptoassets.coincap.documents import LONGEST_BODY_BYTES
from cryptoassets.coincap.redaction import BearerKey

_SHOWN_CHARS = 200
_ERROR_MEMBERS = ("error", "message", "errors", "detail", "reason")
_TITLE = re.compile(r"(?is)<(title|h1)\b[^>]*>(.*?)</\1>")
_TAG = re.compile(r"<[^>]*>")
_WAIT = re.compile(
    r"(?i)\b(?:in|after|for|wait)\s+(\d{1,6}(?:\.\d+)?)\s*(ms|milli\w*|s|sec\w*|m|min\w*)\b"
)


@dataclass(frozen=True)
class Complaint:
    """The words of one answer.

    Attributes:
        words: one line without control characters, redacted and cut; empty: the body was empty.
        is_own: CoinCap's own form, a JSON object, or nothing that says otherwise. False: a web page
            or a text, which something in front of CoinCap wrote.
        error: the words of the JSON error alone; empty: there is none. Only these tell of
            credits, keys and limits.
        status: `statusCode` of the JSON error; None: it has none.
        wait_seconds: how long the JSON error asks to wait; None: it does not say.
    """

    words: str
    is_own: bool
    error: str = ""
    status: int | None = None
    wait_seconds: float | None = None

    @property
    def shown(self) -> str:
        """The words behind a colon, for a message; empty when there are none."""
        return f": {self.words}" if self.words else ""


def read_complaint(body: bytes, key: BearerKey) -> Complaint:
    """Read what a server says in a body that is not the data asked for."""
    text = body[:LONGEST_BODY_BYTES].decode("utf-8-sig", errors="replace").strip()
    if not text:
        return Complaint("", is_own=True)
    if text.startswith("<"):
        return Complaint(_page_words(text, key), is_own=False)
    if not text.startswith("{"):
        return Complaint(_one_line(text, key), is_own=False)
    try:
        members = json.loads(text)
        # Errors may also be inside `data`: v2 announced its end with a message there.
        found = list(dict.fromkeys(_error_texts(members)))
        found = found or list(_error_texts(members.get("data")))
    except (ValueError, RecursionError):
        return Complaint(_one_line(text, key), is_own=True)
    error = ". ".join(found)
    status = members.get("statusCode", members.get("status"))
    return Complaint(
        _one_line(error or text, key),
        is_own=True,
        error=error,
        status=status if isinstance(status, int) and 400 <= status < 600 else None,  # noqa: PLR2004
        wait_seconds=_wait_seconds(error),
    )


def _error_texts(members: Any) -> Iterator[str]:
    """The texts of a JSON error, whether it is a text, an object or a list of either."""
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
    # A terminal would obey control characters. Redacted before it is cut: half a key is one, too.
    printable = "".join(sign if sign.isprintable() else " " for sign in text)
    return key.redacted(" ".join(printable.split()))[:_SHOWN_CHARS]
