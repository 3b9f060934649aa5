"""Computes the new rows of `warehouse.gaps` for one coin, from missing points and call records.

What goes here: this computation, without access to the stores. What stays out: finding holes (spans
without published points), and reading and writing rows (in `gaps`).
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from cryptoassets.backfills.book import CallRecords
from cryptoassets.partitions.spans import Span, uncovered, within


@dataclass(frozen=True)
class Gap:
    """One row of `warehouse.gaps`, without the column `interval`."""

    coin_id: str
    start: datetime
    end: datetime
    detected_at: datetime
    healed_at: datetime | None = None
    unfillable: bool = False

    @property
    def span(self) -> Span:
        """The time from the first missing point to the first point after the gap."""
        return Span(self.start, self.end)

    @property
    def is_open(self) -> bool:
        """Whether the gap still has to be filled."""
        return self.healed_at is None and not self.unfillable


@dataclass(frozen=True)
class CoinGaps:
    """One coin's data, from which its new rows are computed.

    Attributes:
        holes: spans that lack published points, without expired days.
        expired: days that retention deleted.
        calls: the call records of all coins.
        first_point: time of the coin's first published point; None if it has no point.
        now: time of this detection.
        is_published: returns whether all raw points of the days that a span touches are published.
    """

    coin_id: str
    holes: list[Span]
    expired: list[Span]
    calls: CallRecords
    first_point: datetime | None
    now: datetime
    is_published: Callable[[Span], bool]

    def reconcile(self, rows: Sequence[Gap]) -> tuple[list[Gap], list[Gap]]:
        """Compare a coin's existing rows with its holes.

        Returns:
            The rows to keep or insert, and the rows to delete.
        """
        given_up = [gap for gap in rows if gap.unfillable and gap.healed_at is None]
        is_lost = self.coin_id in self.calls.lost
        known = [] if is_lost else [gap.span for gap in given_up]
        pieces = subtract_spans(self.holes, known)
        wanted_rows = {piece.start: self._open(piece, rows) for piece in pieces}
        dropped = []
        for gap in rows:
            if gap.start in wanted_rows:
                continue
            if gap.healed_at is not None:
                wanted_rows[gap.start] = gap
            elif gap.unfillable:
                # A hole in an expired day is no longer found, but it was not filled.
                is_missing = within([*self.holes, *self.expired], gap.span)
                wanted_rows[gap.start] = gap if is_missing else self._healed(gap)
            elif within(self.expired, gap.span) and not within(self.holes, gap.span):
                wanted_rows[gap.start] = replace(gap, unfillable=True)
            elif within(self.holes, Span(gap.start, gap.start + timedelta.resolution)):
                dropped.append(gap)  # it is now part of a hole that begins earlier
            else:
                wanted_rows[gap.start] = self._closed(gap)
        return self._merged(wanted_rows, dropped)

    def _open(self, piece: Span, rows: Sequence[Gap]) -> Gap:
        """Return the row of a hole.

        The gap is unfillable if the coin no longer exists at the source, or if the source has
        answered for the whole hole since its detection and the published points did not fill it.
        """
        older = [gap for gap in rows if gap.is_open and within([piece], gap.span)]
        detected_at = min((gap.detected_at for gap in older), default=self.now)
        since = [window for window, at in self.calls.responses[self.coin_id] if at > detected_at]
        is_answered = bool(older) and not uncovered(piece, since) and self.is_published(piece)
        is_lost = self.coin_id in self.calls.lost
        return Gap(self.coin_id, *piece, detected_at, unfillable=is_answered or is_lost)

    def _closed(self, gap: Gap) -> Gap:
        """Return the row of a gap whose first missing point now exists or is no longer expected."""
        rest = within(self.holes, gap.span)
        if self.first_point is not None and self.first_point <= gap.start:
            return self._healed(gap, rest[0].start if rest else gap.end)
        return Gap(self.coin_id, *gap.span, gap.detected_at, unfillable=True)

    def _healed(self, gap: Gap, end: datetime | None = None) -> Gap:
        return Gap(self.coin_id, gap.start, end or gap.end, gap.detected_at, healed_at=self.now)

    def _merged(
        self, wanted_rows: dict[datetime, Gap], dropped: list[Gap]
    ) -> tuple[list[Gap], list[Gap]]:
        """Merge adjacent unfillable gaps into one row."""
        kept: list[Gap] = []
        for _, gap in sorted(wanted_rows.items()):
            before = kept[-1] if kept else None
            if before and before.unfillable and gap.unfillable and before.end == gap.start:
                kept[-1] = Gap(
                    self.coin_id, before.start, gap.end, before.detected_at, unfillable=True
                )
                dropped.append(gap)
            else:
                kept.append(gap)
        return kept, dropped


def subtract_spans(spans: Sequence[Span], known: Sequence[Span]) -> list[Span]:
    """Return the parts of `spans` that are not in `known`."""
    return [rest for span in spans for rest in uncovered(span, known)]
