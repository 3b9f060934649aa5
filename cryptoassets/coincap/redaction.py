"""Keep the API key out of whatever a person or a store may see.

What goes here: the one place that knows the forms in which a key travels. What stays out: deciding
when a text is shown; every message and dead letter of this package passes through here.
"""

import re
from urllib.parse import urlsplit, urlunsplit

MASK = "***"
_KEY_PARAMETER = re.compile(r"(?i)(api_?key=)[^&\s\"'<>#]+")
_BEARER = re.compile(r"(?i)(bearer\s+)[^\s\"'<>,;]+")


class BearerKey:
    """A key that adds itself to a request and shows itself nowhere else."""

    def __init__(self, key: str | None) -> None:
        self._key = key

    def __repr__(self) -> str:
        return f"BearerKey({MASK if self._key else None})"

    def header(self) -> dict[str, str]:
        """Return the header to send; empty without a key."""
        return {"Authorization": f"Bearer {self._key}"} if self._key else {}

    def redacted(self, text: str) -> str:
        """Return the text with this key, and whatever looks like one, masked."""
        if self._key:
            text = text.replace(self._key, MASK)
        return _BEARER.sub(rf"\1{MASK}", _KEY_PARAMETER.sub(rf"\1{MASK}", text))

    def redacted_bytes(self, body: bytes) -> bytes:
        """Return a body without this key, should a server have echoed it."""
        return body.replace(self._key.encode(), MASK.encode()) if self._key else body


def public_url(url: str) -> str:
    """Return the URL without user, password and key."""
    parts = urlsplit(url)
    host = parts.netloc.rpartition("@")[2]
    return _KEY_PARAMETER.sub(rf"\1{MASK}", urlunsplit(parts._replace(netloc=host)))
