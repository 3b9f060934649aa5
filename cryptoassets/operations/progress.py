"""How an operation reports its progress.

What goes here: the protocol, implementations that show little or nothing, and the format of lists
and counts in reports. What stays out: colours and symbols (in `cli.render`).
"""

from collections.abc import Sequence
from typing import Protocol


def first_of(names: Sequence[object], limit: int) -> str:
    """Join the first names with commas; append dots if there are more."""
    return ", ".join(map(str, names[:limit])) + (", ..." if len(names) > limit else "")


def number_of(count: int, noun: str) -> str:
    """A count with its noun: "1 row", "2,000 rows"."""
    return f"{count:,} {noun}{'' if count == 1 else 's'}"


class Progress(Protocol):
    """Receives reports while an operation runs; each argument is plain text without markup."""

    def doing(self, activity: str) -> None:
        """Show the current activity instead of the previous one."""

    def note(self, sentence: str) -> None:
        """Report information that needs no action."""

    def warn(self, sentence: str) -> None:
        """Report something that needs attention although nothing failed."""

    def fail(self, sentence: str) -> None:
        """Report a failure."""

    def retry(self, step: str, reason: str) -> None:
        """Report that a step failed and is retried."""

    def done(self, name: str, result: str = "", seconds: float | None = None) -> None:
        """Report that a part of the operation succeeded.

        Args:
            name: name of the part.
            result: its result in a few words.
            seconds: how long it took; None: not measured.
        """


class Silent:
    """Drops all reports; for programs and tests that only use the result."""

    def doing(self, activity: str) -> None:
        """Drop it."""

    def note(self, sentence: str) -> None:
        """Drop it."""

    def warn(self, sentence: str) -> None:
        """Drop it; the result contains it, too."""

    def fail(self, sentence: str) -> None:
        """Drop it; the result contains it, too."""

    def retry(self, step: str, reason: str) -> None:
        """Drop it."""

    def done(self, name: str, result: str = "", seconds: float | None = None) -> None:
        """Drop it."""


class ActivityOnly(Silent):
    """Shows only the current activity, because a loop prints its own line per cycle."""

    def __init__(self, progress: Progress) -> None:
        self._progress = progress

    def doing(self, activity: str) -> None:
        """Show the current activity."""
        self._progress.doing(activity)
