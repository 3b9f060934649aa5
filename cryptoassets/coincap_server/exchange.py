"""Requests and answers of our own servers, before and after they are bytes.

What goes here: values and CoinCap's paging. What stays out: sockets (in `server`).
"""

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Literal, TypeVar

DEFAULT_LIMIT, LARGEST_LIMIT = 100, 2000
Disturbance = Literal["reset", "slow", "truncated_gzip", "bad_length"]

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
        """Return the request as if it had been sent without the first part of its path."""
        if self.path == prefix or self.path.startswith(f"{prefix}/"):
            return replace(self, path=self.path.removeprefix(prefix) or "/")
        return self


@dataclass(frozen=True)
class Wire:
    """What goes over the line; `disturbance` is done to it on the way."""

    status: int
    body: bytes
    headers: dict[str, str] = field(default_factory=dict)
    disturbance: Disturbance | None = None

    @property
    def is_reset(self) -> bool:
        """Whether the client gets nothing at all."""
        return self.disturbance == "reset"

    def with_header(self, name: str, value: str) -> "Wire":
        """Return the same with one header more."""
        return replace(self, headers={**self.headers, name: value})


@dataclass(frozen=True)
class Reply:
    """An answer in JSON texts, so that recorded values pass through untouched.

    Attributes:
        timestamp: JSON text of the envelope's timestamp; None leaves it out.
        items: JSON texts of the elements of `data`; None when `data` is not a list.
        data: JSON text of a `data` that is not a list; None leaves it out.
        error: set instead of `data`.
    """

    status: int
    timestamp: str | None
    items: tuple[str, ...] | None = None
    data: str | None = None
    error: str | None = None

    def text(self) -> str:
        """Return the envelope as v3 orders it."""
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

    def wire(self) -> Wire:
        """Return the bytes."""
        return Wire(self.status, self.text().encode())


def error_reply(status: int, message: str, now_ms: int) -> Reply:
    """Return an error as CoinCap words it: `{"error": ..., "timestamp": ...}`."""
    return Reply(status, str(now_ms), error=message)


class BadQueryError(ValueError):
    """A parameter cannot be used; the message is the answer's."""


def page_of(coins: Sequence[T], query: dict[str, str]) -> Sequence[T]:
    """Cut out what `limit` and `offset` ask for.

    Raises:
        BadQueryError: not a number, negative, or a limit above 2,000.
    """
    limit = _whole_number(query, "limit", DEFAULT_LIMIT)
    offset = _whole_number(query, "offset", 0)
    if limit > LARGEST_LIMIT:
        raise BadQueryError(f"limit must be at most {LARGEST_LIMIT}")
    return coins[offset : offset + limit]


def is_asked_for(coin: dict[str, Any], query: dict[str, str]) -> bool:
    """Say whether a coin meets `ids` and `search` (part of id, symbol or name)."""
    ids = query.get("ids")
    if ids is not None and coin.get("id") not in ids.split(","):
        return False
    search = query.get("search", "").lower()
    names: Iterable[str] = (str(coin.get(key, "")) for key in ("id", "symbol", "name"))
    return any(search in name.lower() for name in names)


def bounds_of(query: dict[str, str]) -> tuple[int, int] | None:
    """Return `start` and `end` in ms, or None when neither is given.

    Raises:
        BadQueryError: only one of them, no number, or the end not after the start.
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
