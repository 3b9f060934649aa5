"""How an operation reports what it is doing.

What goes here: the protocol, implementations that show little or nothing, lists in reports. What
stays out: colours and marks (in `cli.render`).
"""

from collections.abc import Sequence
from typing import Protocol


def first_of(names: Sequence[object], most: int) -> str:
    """The first names, separated by commas; dots stand for the others."""
    return ", ".join(map(str, names[:most])) + (", ..." if len(names) > most else "")


class Progress(Protocol):
    """Receives reports while an operation runs; each argument is plain text without markup."""

    def doing(self, activity: str) -> None:
        """Show what goes on now; replaces the previous activity."""

    def note(self, sentence: str) -> None:
        """Report something that is worth knowing and needs no action."""

    def warn(self, sentence: str) -> None:
        """Report something that needs attention although nothing failed."""

    def fail(self, sentence: str) -> None:
        """Report a failure."""

    def retry(self, step: str, reason: str) -> None:
        """Report that a step failed and is tried again."""

    def done(self, name: str, result: str = "", seconds: float | None = None) -> None:
        """Report a part that succeeded.

        Args:
            name: of the part.
            result: what came of it, in a few words.
            seconds: how long it took; None: not measured.
        """


class Silent:
    """Drops all reports; for programs and tests that read the result alone."""

    def doing(self, activity: str) -> None:
        """Drop it."""

    def note(self, sentence: str) -> None:
        """Drop it."""

    def warn(self, sentence: str) -> None:
        """Drop it; the result has it, too."""

    def fail(self, sentence: str) -> None:
        """Drop it; the result has it, too."""

    def retry(self, step: str, reason: str) -> None:
        """Drop it."""

    def done(self, name: str, result: str = "", seconds: float | None = None) -> None:
        """Drop it."""


class ActivityOnly(Silent):
    """Passes the current activity on and drops the rest: a loop prints a line per cycle itself."""

    def __init__(self, progress: Progress) -> None:
        self._progress = progress

    def doing(self, activity: str) -> None:
        """Show what goes on now."""
        self._progress.doing(activity)
