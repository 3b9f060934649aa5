"""The types of requests and responses, and CoinCap's paging.

What goes here: code that does not depend on an HTTP library. What stays out: sockets (in `server`).
"""

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Literal, TypeVar

DEFAULT_LIMIT, MAX_LIMIT = 100, 2000
TransferFault = Literal["reset", "slow", "truncated_gzip", "bad_length"]

T = TypeVar("T")


@dataclass(frozen=True)
class Request:
    """One request; header names are in lower case, the path is percent-decoded."""

    method: str
    path: str
    query: dict[str, str] = field(default_factory=dict)
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes = b""

    def without_prefix(self, prefix: str) -> "Request":
        """Return the request with the prefix removed from its path."""
        if self.path == prefix or self.path.startswith(f"{prefix}/"):
            return replace(self, path=self.path.removeprefix(prefix) or "/")
        return self


@dataclass(frozen=True)
class HttpResponse:
    """A response as bytes; `transfer_fault` is a fault that the server produces while sending."""

    status: int
    body: bytes
    headers: dict[str, str] = field(default_factory=dict)
    transfer_fault: TransferFault | None = None

    @property
    def is_reset(self) -> bool:
        """Whether the connection is reset without a response."""
        return self.transfer_fault == "reset"

    def with_header(self, name: str, value: str) -> "HttpResponse":
        """Return a copy with one more header."""
        return replace(self, headers={**self.headers, name: value})


@dataclass(frozen=True)
class Reply:
    """A response whose parts are JSON texts, so that recorded values are sent unchanged.

    Attributes:
        timestamp: JSON text of the envelope's timestamp; None omits it.
        items: JSON texts of the elements of `data`; None if `data` is not a list.
        data: JSON text of `data` if it is not a list; None omits it.
        error: error message, sent instead of `data`.
    """

    status: int
    timestamp: str | None
    items: tuple[str, ...] | None = None
    data: str | None = None
    error: str | None = None

    def text(self) -> str:
        """Return the envelope with its members in the order of v3."""
        members = []
        if self.error is not None:
            members.append(f'"error":{json.dumps(self.error)}')
        if self.timestamp is not None:
            members.append(f'"timestamp":{self.timestamp}')
        if self.items is not None:
            members.append(f'"data":[{",".join(self.items)}]')
        elif self.data is not None:
            members.append(f'"data":{self.data}')
        return "{" + ",".join(members) + "}"

    def wire(self) -> HttpResponse:
        """Encode the response."""
        return HttpResponse(self.status, self.text().encode())


def error_reply(status: int, message: str, now_ms: int) -> Reply:
    """Return an error in CoinCap's form: `{"error": ..., "timestamp": ...}`."""
    return Reply(status, str(now_ms), error=message)


class BadQueryError(ValueError):
    """A parameter is invalid; the message is sent to the client."""


def select_page(coins: Sequence[T], query: dict[str, str]) -> Sequence[T]:
    """Return the page that `limit` and `offset` select.

    Raises:
        BadQueryError: a parameter is not a whole number, or the limit is above 2,000.
    """
    limit = _whole_number(query, "limit", DEFAULT_LIMIT)
    offset = _whole_number(query, "offset", 0)
    if limit > MAX_LIMIT:
        raise BadQueryError(f"limit must be at most {MAX_LIMIT}")
    return coins[offset : offset + limit]


def matches_query(coin: dict[str, Any], query: dict[str, str]) -> bool:
    """Return whether a coin matches the query's `ids` and `search` (part of id, symbol, name)."""
    ids = query.get("ids")
    if ids is not None and coin.get("id") not in ids.split(","):
        return False
    search = query.get("search", "").lower()
    names: Iterable[str] = (str(coin.get(key, "")) for key in ("id", "symbol", "name"))
    return any(search in name.lower() for name in names)


def read_bounds(query: dict[str, str]) -> tuple[int, int] | None:
    """Return the parameters `start` and `end` in ms, or None if both are absent.

    Raises:
        BadQueryError: one of them is missing or not a number, or the end is not after the start.
    """
    if "start" not in query and "end" not in query:
        return None
    if "start" not in query or "end" not in query:
        raise BadQueryError("start and end must be given together")
    start, end = _whole_number(query, "start", 0), _whole_number(query, "end", 0)
    if end <= start:
        raise BadQueryError("end must be after start")
    return start, end


def _whole_number(query: dict[str, str], name: str, default: int) -> int:
    text = query.get(name, str(default))
    if not (text.isascii() and text.isdigit()):
        raise BadQueryError(f"{name} must be a whole number")
    return int(text)
