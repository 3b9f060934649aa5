"""Time spans: splitting and joining them, and the spans and names of partitions.

What goes here: time spans and names, without using Dagster or a store. What stays out: which
asset has which partitions (in `policies`).
"""

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from typing import NamedTuple

_HOUR, _DAY = timedelta(hours=1), timedelta(days=1)
_FOLDERS = {"hour": ("%Y-%m-%dT%H", _HOUR), "day": ("%Y-%m-%d", _DAY)}


class Span(NamedTuple):
    """Start (included) and end (excluded), UTC."""

    start: datetime
    end: datetime

    def overlaps(self, other: "Span") -> bool:
        """Whether the two spans have a moment in common."""
        return self.start < other.end and other.start < self.end


def uncovered(wanted: Span, known: Iterable[Span]) -> list[Span]:
    """Return the parts of a span that no known span covers, oldest first."""
    start, end = wanted
    left: list[Span] = []
    for known_start, known_end in sorted(known):
        if known_start >= end:
            break
        if known_start > start:
            left.append(Span(start, known_start))
        start = max(start, known_end)
    if start < end:
        left.append(Span(start, end))
    return left


def within(spans: Iterable[Span], bounds: Span) -> list[Span]:
    """Return the parts of spans that lie within bounds."""
    cut = (Span(max(start, bounds.start), min(end, bounds.end)) for start, end in spans)
    return [span for span in cut if span.start < span.end]


def joined(spans: Iterable[Span], nearer_than: timedelta = timedelta(0)) -> list[Span]:
    """Join spans that overlap, touch, or are at most `nearer_than` apart; oldest first."""
    found: list[Span] = []
    for start, end in sorted(spans):
        if found and start - found[-1].end <= nearer_than:
            found[-1] = Span(found[-1].start, max(found[-1].end, end))
        else:
            found.append(Span(start, end))
    return found


def partition_around(moment: datetime, length: timedelta) -> Span:
    """Return the hour or day (the partition of this length) that contains a moment."""
    start = moment - (moment - datetime(1970, 1, 1, tzinfo=UTC)) % length
    return Span(start, start + length)


def partitions_in(window: Span, length: timedelta) -> list[Span]:
    """Split a range into its hours or days (the partitions of this length), oldest first."""
    start, end = window
    return [
        Span(start + n * length, start + (n + 1) * length) for n in range((end - start) // length)
    ]


def partitions_overlapping(span: Span, length: timedelta) -> list[Span]:
    """Return the hours or days (the partitions of this length) that a span overlaps, in order."""
    start = partition_around(span.start, length).start
    return partitions_in(Span(start, start + -(-(span.end - start) // length) * length), length)


def partition_window(name: str) -> Span:
    """Convert Dagster's key of an hour or a day to a span; the inverse of `partition_name`.

    Raises:
        ValueError: the name is not the key of an hour or a day.
    """
    if ":" in name:
        start = datetime.strptime(f"{name}Z", "%Y-%m-%d-%H:00%z")
        return Span(start, start + _HOUR)
    start = datetime.strptime(f"{name}Z", "%Y-%m-%d%z")
    return Span(start, start + _DAY)


def partition_name(window: Span) -> str:
    """Return Dagster's key of an hour or a day, or `start..end` for a longer span."""
    start, end = window
    if end - start == _HOUR:
        return start.strftime("%Y-%m-%d-%H:00")
    if end - start == _DAY:
        return start.strftime("%Y-%m-%d")
    return f"{start:%Y-%m-%dT%H:%M}..{end:%Y-%m-%dT%H:%M}"


def folder_name(window: Span) -> str:
    """Return the name of a partition's Parquet folder.

    The name has no colon, because Spark reads a colon as the end of a URI scheme.
    """
    start, end = window
    unit = "hour" if end - start == _HOUR else "day"
    form, _ = _FOLDERS[unit]
    return f"{unit}={start.strftime(form)}"


def folder_window(name: str) -> Span | None:
    """Parse the name of a Parquet folder; None if no partition has this name."""
    unit, _, start = name.partition("=")
    try:
        form, length = _FOLDERS[unit]
        first = datetime.strptime(start, form).replace(tzinfo=UTC)
    except (KeyError, ValueError):
        return None
    return Span(first, first + length)


def rebuild_command(window: Span) -> str:
    """Return the command that rebuilds the partitions of a span from raw."""
    start, end = (f"{moment:%Y-%m-%dT%H:%M:%S}" for moment in window)
    return f"`cryptoassets rebuild --from {start} --to {end}`"
