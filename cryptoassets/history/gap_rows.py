"""Computes the new rows of `warehouse.gaps` per coin, from missing points and records of calls.

What goes here: the decision, without a store. What stays out: finding holes, reading and writing
rows (in `gaps`).
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from cryptoassets.history.book import CallRecords
from cryptoassets.partitions.spans import Span, within, without


@dataclass(frozen=True)
class Gap:
    """One row of `warehouse.gaps`, without its interval."""

    coin_id: str
    start: datetime
    end: datetime
    detected_at: datetime
    healed_at: datetime | None = None
    unfillable: bool = False

    @property
    def span(self) -> Span:
        """From the first missing point to the first point after the gap."""
        return Span(self.start, self.end)

    @property
    def is_open(self) -> bool:
        """Whether it still has to be filled."""
        return self.healed_at is None and not self.unfillable


@dataclass(frozen=True)
class CoinGaps:
    """The state of one coin, from which its new rows are computed."""

    coin_id: str
    holes: list[Span]
    expired: list[Span]
    calls: CallRecords
    first_point: datetime | None
    now: datetime
    is_processed: Callable[[Span], bool]

    def reconcile(self, rows: Sequence[Gap]) -> tuple[list[Gap], list[Gap]]:
        """Return the rows to keep or insert, and the rows to delete."""
        given_up = [gap for gap in rows if gap.unfillable and gap.healed_at is None]
        is_lost = self.coin_id in self.calls.lost
        known = [] if is_lost else [gap.span for gap in given_up]
        pieces = minus(self.holes, known)
        made = {piece.start: self._open(piece, rows) for piece in pieces}
        dropped = []
        for gap in rows:
            if gap.start in made:
                continue
            if gap.healed_at is not None:
                made[gap.start] = gap
            elif gap.unfillable:
                # Retention deletes days and thus their hole, but the gap was not filled.
                is_there = within([*self.holes, *self.expired], gap.span)
                made[gap.start] = gap if is_there else self._healed(gap)
            elif within(self.expired, gap.span) and not within(self.holes, gap.span):
                made[gap.start] = replace(gap, unfillable=True)
            elif within(self.holes, Span(gap.start, gap.start + timedelta.resolution)):
                dropped.append(gap)  # it is now part of a hole that begins earlier
            else:
                made[gap.start] = self._closed(gap)
        return self._merged(made, dropped)

    def _open(self, piece: Span, rows: Sequence[Gap]) -> Gap:
        """Return the row of a hole; unfillable if an answer since its detection did not fill it."""
        older = [gap for gap in rows if gap.is_open and within([piece], gap.span)]
        detected_at = min((gap.detected_at for gap in older), default=self.now)
        since = [window for window, at in self.calls.answers[self.coin_id] if at > detected_at]
        is_answered = bool(older) and not without(piece, since) and self.is_processed(piece)
        is_lost = self.coin_id in self.calls.lost
        return Gap(self.coin_id, *piece, detected_at, unfillable=is_answered or is_lost)

    def _closed(self, gap: Gap) -> Gap:
        """Return the row of a gap whose first point exists now, or is no longer expected."""
        rest = within(self.holes, gap.span)
        if self.first_point is not None and self.first_point <= gap.start:
            return self._healed(gap, rest[0].start if rest else gap.end)
        return Gap(self.coin_id, *gap.span, gap.detected_at, unfillable=True)

    def _healed(self, gap: Gap, end: datetime | None = None) -> Gap:
        return Gap(self.coin_id, gap.start, end or gap.end, gap.detected_at, healed_at=self.now)

    def _merged(self, made: dict[datetime, Gap], dropped: list[Gap]) -> tuple[list[Gap], list[Gap]]:
        """Merge consecutive unfillable gaps into one row."""
        kept: list[Gap] = []
        for _, gap in sorted(made.items()):
            before = kept[-1] if kept else None
            if before and before.unfillable and gap.unfillable and before.end == gap.start:
                kept[-1] = Gap(
                    self.coin_id, before.start, gap.end, before.detected_at, unfillable=True
                )
                dropped.append(gap)
            else:
                kept.append(gap)
        return kept, dropped


def minus(spans: Sequence[Span], known: Sequence[Span]) -> list[Span]:
    """Return the spans without the parts in `known`."""
    return [rest for span in spans for rest in without(span, known)]
