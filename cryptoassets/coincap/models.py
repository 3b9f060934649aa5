"""Types that the client accepts and returns.

What goes here: frozen values without behaviour. What stays out: the form of MongoDB's documents
(in `documents`) and reading JSON (in `verbatim`).
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from cryptoassets.settings import SourceKind


@dataclass(frozen=True)
class Timeouts:
    """How long one call may take, in seconds; `total_seconds` includes its retries and pauses."""

    connect_seconds: float = 5.0
    read_seconds: float = 15.0
    total_seconds: float = 60.0


@dataclass(frozen=True)
class RetryPolicy:
    """How often a temporary fault is retried, and how long to pause before each retry.

    Each pause is twice as long as the one before, times a random factor of 0.5 to 1.5.

    Attributes:
        attempts: number of failed calls after which the last error is raised.
        attempts_when_limited: the same limit for calls that fail with 429 (too many calls per
            minute), which are counted separately. None: `attempts` applies.
        first_pause_seconds: pause after the first fault.
        longest_pause_seconds: longest pause, unless the server asks for a longer one.
    """

    attempts: int = 4
    attempts_when_limited: int | None = None
    first_pause_seconds: float = 0.5
    longest_pause_seconds: float = 20.0


@dataclass(frozen=True)
class Response:
    """One readable HTTP response.

    Attributes:
        url: the requested URL, without the key.
        source: kind of the server that sent it.
        body: as received, decompressed.
        fetched_at: time of this machine's clock when the last byte was received, UTC.
    """

    url: str
    status: int
    source: SourceKind
    headers: dict[str, str]
    body: bytes
    fetched_at: datetime


@dataclass(frozen=True)
class Item:
    """One element of a response's `data`.

    Attributes:
        value: the parsed element, in which strings stay strings; None if it has a fault.
        text: the element's JSON as received.
        fault: reason code if the element cannot be stored unchanged, else None.
    """

    value: Any
    text: str
    fault: str | None = None


@dataclass(frozen=True)
class Page:
    """One response that lists rows.

    Attributes:
        coins_asked: how many rows were expected. If the page is short, these are all rows of the
            request that earlier pages did not contain.
    """

    response: Response
    offset: int
    coins_asked: int
    timestamp: Any
    items: tuple[Item, ...]


@dataclass(frozen=True)
class Snapshot:
    """One fetch of the top coins, in pages.

    Attributes:
        pages: at least one, ordered by offset.
        is_repeated: whether at least half of the coins on a page were already on earlier pages.
    """

    pages: tuple[Page, ...]
    is_repeated: bool

    @property
    def source(self) -> SourceKind:
        """Kind of the server that sent the snapshot."""
        return self.pages[0].response.source


@dataclass(frozen=True)
class HistoryResponse:
    """The response to a request for one coin's points in [start, end); items keep their order."""

    slug: str
    interval: str
    start: datetime
    end: datetime
    response: Response
    timestamp: Any
    items: tuple[Item, ...]
