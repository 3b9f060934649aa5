"""Removes the API key from everything that is shown or stored.

What goes here: the forms in which a key may appear. What stays out: where texts are shown. All
messages and dead letters of this package are redacted with these functions.
"""

import re
from urllib.parse import urlsplit, urlunsplit

MASK = "***"
_KEY_PARAMETER = re.compile(r"(?i)(api_?key=)[^&\s\"'<>#]+")
_BEARER = re.compile(r"(?i)(bearer\s+)[^\s\"'<>,;]+")


class BearerKey:
    """A key that is added to requests and shown nowhere else."""

    def __init__(self, key: str | None) -> None:
        self._key = key

    def __repr__(self) -> str:
        return f"BearerKey({MASK if self._key else None})"

    def header(self) -> dict[str, str]:
        """Return the header to send; empty if there is no key."""
        return {"Authorization": f"Bearer {self._key}"} if self._key else {}

    def redacted(self, text: str) -> str:
        """Return the text; this key and everything that looks like a key are masked."""
        if self._key:
            text = text.replace(self._key, MASK)
        return _BEARER.sub(rf"\1{MASK}", _KEY_PARAMETER.sub(rf"\1{MASK}", text))

    def redacted_bytes(self, body: bytes) -> bytes:
        """Return a body with this key masked, in case a server has echoed it."""
        return body.replace(self._key.encode(), MASK.encode()) if self._key else body


def public_url(url: str) -> str:
    """Return the URL without user and password; its key is masked."""
    parts = urlsplit(url)
    host = parts.netloc.rpartition("@")[2]
    return _KEY_PARAMETER.sub(rf"\1{MASK}", urlunsplit(parts._replace(netloc=host)))
