"""What a process that stays remembers of the hours it judged, so that it judges only what came.

What goes here: when new documents may be judged without those before them, and the memory for it.
What stays out: reading (in `mongo`) and writing (in `spark`). A process that runs once has none.

A snapshot, the documents of one `observed_at`, is judged by its own documents and the record of its
fetch alone. Judged rows of a snapshot to which nothing came are therefore what judging the whole
hour would give again, as long as the same code judges: rows of another process are never carried
over. Whatever looks different from what was remembered makes the next reading a whole one.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from cryptoassets.partitions.spans import Span

Asked = Mapping[datetime, tuple[int, bool]]
"""Snapshot to coins asked for, and whether a page came twice."""

_REMEMBERED = 4
"""Hours: the open one, the one before it, and late ones."""


@dataclass(frozen=True)
class View:
    """What was read of an hour.

    Attributes:
        documents: how many it held.
        newest: `observed_at` of the newest; None: there was none.
        asked: from the records of its fetches.
        coins_asked: the setting, for snapshots without a record.
    """

    documents: int
    newest: datetime | None
    asked: Asked
    coins_asked: int

    def is_part_of(self, documents: int, later: "View") -> bool:
        """Whether an hour holds this view unchanged, and else only newer snapshots.

        Args:
            documents: in the hour now, as counted before what is newer was read.
            later: what was read of it beyond `newest`, with all fetch records.
        """
        known = {moment: asked for moment, asked in later.asked.items() if self._knows(moment)}
        return (
            self.documents + later.documents == documents
            and known == dict(self.asked)
            and self.coins_asked == later.coins_asked
        )

    def extended_by(self, later: "View") -> "View":
        """This view and what came after it."""
        return View(
            self.documents + later.documents,
            later.newest or self.newest,
            later.asked,
            later.coins_asked,
        )

    def _knows(self, moment: datetime) -> bool:
        return self.newest is not None and moment <= self.newest


@dataclass(frozen=True)
class Judged:
    """An hour as this process left it: the view that was judged, and names of its Parquet files.

    The names hold a random part, so that no other writer's files have them.
    """

    view: View
    files: frozenset[str]


@dataclass(frozen=True)
class Reading:
    """What is about to be judged: rows beyond `base`, or the whole hour where that is None."""

    view: View
    base: Judged | None = None


class WarmHours:
    """The memory of one process; one thread at a time."""

    def __init__(self) -> None:
        self._judged: dict[Span, Judged] = {}
        self._readings: dict[Span, Reading] = {}

    def judged(self, window: Span) -> Judged | None:
        """What this process left of an hour; None: nothing that can be built upon."""
        return self._judged.get(window)

    def read(self, window: Span, reading: Reading) -> None:
        """Remember what was handed out to be judged."""
        self._readings[window] = reading

    def take_reading(self, window: Span) -> Reading | None:
        """What was handed out, once; until `wrote` nothing can be built upon but what was there."""
        return self._readings.pop(window, None)

    def wrote(self, window: Span, view: View, files: frozenset[str]) -> None:
        """Remember that a view is judged and written."""
        self._judged.pop(window, None)
        self._judged[window] = Judged(view, files)
        while len(self._judged) > _REMEMBERED:
            del self._judged[next(iter(self._judged))]

    def forget(self, window: Span) -> None:
        """Have an hour read whole the next time."""
        self._judged.pop(window, None)
