"""What passes between the client and those who store its answers.

What goes here: frozen values without behaviour. What stays out: the form of MongoDB's documents
(in `documents`) and the reading of JSON (in `verbatim`).
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from cryptoassets.settings import SourceKind


@dataclass(frozen=True)
class Timeouts:
    """How long one call may take, seconds; `total` spans its retries and pauses too."""

    connect_seconds: float = 5.0
    read_seconds: float = 15.0
    total_seconds: float = 60.0


@dataclass(frozen=True)
class RetryPolicy:
    """How often a passing fault is tried again; pauses double, within 0.5 to 1.5 by chance.

    Attributes:
        attempts: calls in all that may meet a fault.
        attempts_when_limited: calls in all that may meet the limit of calls a minute (429), counted
            apart; None: as many as `attempts`.
        first_pause_seconds: after the first fault.
        longest_pause_seconds: of those that the server did not ask for.
    """

    attempts: int = 4
    attempts_when_limited: int | None = None
    first_pause_seconds: float = 0.5
    longest_pause_seconds: float = 20.0


@dataclass(frozen=True)
class Answer:
    """One readable HTTP answer.

    Attributes:
        url: what was asked, without the key.
        source: which kind of server gave it.
        body: as it came, decompressed.
        fetched_at: our clock when the last byte was there, UTC.
    """

    url: str
    status: int
    source: SourceKind
    headers: dict[str, str]
    body: bytes
    fetched_at: datetime


@dataclass(frozen=True)
class Item:
    """One element of an answer's `data`.

    Attributes:
        value: the element as sent, strings are strings; None when it has a fault.
        text: its JSON as it came.
        fault: reason code why it cannot be stored unchanged; None: it can.
    """

    value: Any
    text: str
    fault: str | None = None


@dataclass(frozen=True)
class Page:
    """One answer of `/assets`; `coins_asked` is what it was to bring, see `documents`."""

    answer: Answer
    offset: int
    coins_asked: int
    timestamp: Any
    items: tuple[Item, ...]


@dataclass(frozen=True)
class Snapshot:
    """One fetch of the top coins, in pages.

    Attributes:
        pages: by offset, at least one.
        is_repeated: a later page brought coins of an earlier one again.
    """

    pages: tuple[Page, ...]
    is_repeated: bool

    @property
    def source(self) -> SourceKind:
        """Which kind of server gave it."""
        return self.pages[0].answer.source


@dataclass(frozen=True)
class HistoryAnswer:
    """The points of one coin in [start, end), oldest first, as sent."""

    slug: str
    interval: str
    start: datetime
    end: datetime
    answer: Answer
    timestamp: Any
    items: tuple[Item, ...]
