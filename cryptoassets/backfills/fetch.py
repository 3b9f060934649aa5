"""Fetches spans of history, coin by coin, and records the outcome of every call.

What goes here: splitting spans into windows that the source accepts, and handling the source's
errors. What stays out: choosing spans (in `plan`), the format of a record (in `book`), storing (in
`io_managers`).
"""

from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from functools import partial
from http import HTTPStatus
from typing import Any

from cryptoassets.backfills.book import Outcome, call_record
from cryptoassets.backfills.windows import MAX_HALVINGS, longest_window, step_of
from cryptoassets.coincap.client import CoinCapClient
from cryptoassets.coincap.documents import RawBatch, dead_letter_of, history_batch
from cryptoassets.errors import (
    CoinNotFoundError,
    CreditsSpentError,
    EmptyResponseError,
    MalformedResponseError,
    RateLimitedError,
    RequestRefusedError,
    SourceError,
    SourceUnavailableError,
)
from cryptoassets.facts import Fact
from cryptoassets.partitions.spans import Span
from cryptoassets.settings import SourceKind

MAX_FAILURES_IN_A_ROW = 5
"""If the calls for this many consecutive coins fail, the source counts as down."""
_SHOWN = 5
_SHOWN_CHARACTERS = 80
_COIN_ERRORS = (
    RateLimitedError,
    SourceUnavailableError,
    MalformedResponseError,
    RequestRefusedError,
)


@dataclass
class HistoryFetch:
    """One pass over the coins to fetch; iterating over the pass makes the calls.

    Attributes:
        client: makes the calls.
        interval: interval of all points.
        source: kind of source, for the records.
        wanted: the spans to request, by coin.
        before: windows that start at or after this time are left for a later pass.
        control: a coin and a window known to have points. The window is requested if no other call
            returns points, to find out whether the source is broken.
    """

    client: CoinCapClient
    interval: str
    source: SourceKind
    wanted: Mapping[str, Sequence[Span]]
    before: datetime
    control: tuple[str, Span] | None = None
    facts: dict[str, Any] = field(default_factory=dict)
    _failed: dict[str, SourceError] = field(default_factory=dict)
    _not_found: list[str] = field(default_factory=list)
    _held_back: list[dict[str, Any]] = field(default_factory=list)
    _counts: dict[str, int] = field(
        default_factory=lambda: {"windows asked": 0, "points received": 0}
    )
    _has_points: bool = False
    _failures_in_a_row: int = 0

    def __post_init__(self) -> None:
        self._longest = longest_window(self.interval)
        self._record = partial(call_record, interval=self.interval, source=self.source)

    def __iter__(self) -> Iterator[RawBatch]:
        """Make the calls; the caller stores each batch as it is yielded.

        Raises:
            EmptyResponseError: the source returned no points for any coin; no window is recorded.
            SourceError: the source is down or refuses the key; earlier batches are valid.
        """
        try:
            for coin, spans in self.wanted.items():
                yield from self._coin(coin, spans)
        except CreditsSpentError as error:
            self.facts[Fact.STOPPED] = str(error)
        finally:
            self._fill_facts()
        # Without credits, the control window cannot be requested. Records that are held back are
        # then dropped, and a later run requests their windows again.
        if self._held_back and Fact.STOPPED not in self.facts:
            self._fail_if_source_is_empty()
            yield RawBatch(windows=tuple(self._held_back))

    def _coin(self, coin: str, spans: Sequence[Span]) -> Iterator[RawBatch]:
        pending = deque(spans)
        while pending:
            start, end = pending.popleft()
            if start >= self.before:
                return
            stop = min(end, start + self._longest)
            try:
                batch, stop = self._window(coin, start, stop)
            except CoinNotFoundError:
                self._not_found.append(coin)
                self._failures_in_a_row = 0
                record = self._record(coin, Span(start, stop), "not_found")
                yield RawBatch(windows=self._trusted_records(record))
                return
            except _COIN_ERRORS as error:
                yield self._failure(coin, start, stop, error)
                return
            yield batch
            if batch.failure is not None:
                self._count_failure(coin, batch.failure)
                return
            self._failures_in_a_row = 0
            if stop < end:
                pending.appendleft(Span(stop, end))

    def _window(self, coin: str, start: datetime, stop: datetime) -> tuple[RawBatch, datetime]:
        """Request a window, shortened if it is refused; return the batch and the window's end.

        Later windows, including those of other coins, are at most as long as the shortened one.
        """
        length = stop - start
        for halvings in range(MAX_HALVINGS + 1):
            self._counts["windows asked"] += 1
            try:
                batch = self._answered(coin, start, start + length)
            except RequestRefusedError:
                shorter = self._half(length)
                if halvings == MAX_HALVINGS or shorter == length:
                    raise
                length = shorter
            else:
                if halvings:
                    self._longest = length
                return batch, start + length
        raise AssertionError("not reached")

    def _half(self, length: timedelta) -> timedelta:
        step = step_of(self.interval)
        return max(step, length // 2 // step * step)

    def _answered(self, coin: str, start: datetime, end: datetime) -> RawBatch:
        """Make one call; return the batch of the response, with the record of the call."""
        try:
            batch = history_batch(self.client.history(coin, self.interval, start, end))
        except EmptyResponseError:
            batch = RawBatch()
        count = len(batch.documents)
        first = min((document["observed_at"] for document in batch.documents), default=None)
        failure = None if count else _unusable(batch)
        outcome: Outcome = "points" if count else "failed" if failure else "empty"
        error = str(failure) if failure else None
        window = Span(start, end)
        record = self._record(coin, window, outcome, points=count, first=first, error=error)
        self._has_points = self._has_points or count > 0
        self._counts["points received"] += count
        windows = (record,) if failure else self._trusted_records(record)
        return replace(batch, windows=windows, failure=failure)

    def _trusted_records(self, record: dict[str, Any]) -> tuple[dict[str, Any], ...]:
        """Add a record; return the records to store, or none if no call has returned points yet.

        Until a call has returned points, the records are held back: they may be wrong, because a
        wrong address answers 404 for every coin, and a broken source may return no points at all.
        """
        self._held_back.append(record)
        if not self._has_points:
            return ()
        trusted, self._held_back = self._held_back, []
        return tuple(trusted)

    def _failure(self, coin: str, start: datetime, stop: datetime, error: SourceError) -> RawBatch:
        """Return a batch with the record of a failed call, and the call's dead letter, if any.

        Raises:
            SourceError: the error, if too many coins in a row failed.
        """
        self._count_failure(coin, error)
        letters: tuple[dict[str, Any], ...] = ()
        if isinstance(error, MalformedResponseError):
            letters = (dead_letter_of(error, self.client.last_url, datetime.now(UTC)),)
        record = self._record(coin, Span(start, stop), "failed", error=str(error))
        return RawBatch(dead_letters=letters, windows=(record,))

    def _count_failure(self, coin: str, error: SourceError) -> None:
        """Remember the error of a coin and count consecutive failures.

        Raises:
            SourceError: the error, if too many coins in a row failed.
        """
        self._failed[coin] = error
        self._failures_in_a_row += 1
        if self._failures_in_a_row >= MAX_FAILURES_IN_A_ROW:
            coins = ", ".join(list(self._failed)[-MAX_FAILURES_IN_A_ROW:])
            error.args = (f"{error} (no response for {coins}; the other coins were not requested)",)
            raise error

    def _fail_if_source_is_empty(self) -> None:
        """Request the control window if the source has not returned any points.

        Raises:
            EmptyResponseError: the source returned no points for the control window either.
        """
        if self._has_points:
            return
        if self.control is not None:
            coin, (start, end) = self.control
            try:
                self._counts["windows asked"] += 1
                self.client.history(coin, self.interval, start, end)
            except (EmptyResponseError, CoinNotFoundError):
                pass
            else:
                return
        coins = len({record["coin_id"] for record in self._held_back})
        raise EmptyResponseError(
            f"The source returned no history points for any of {coins} coins (interval "
            f"{self.interval}). Nothing was recorded as fetched; a later retry can help. If the "
            "coins did not exist at that time, choose a later start"
        )

    def _fill_facts(self) -> None:
        """Set the facts of the pass; called even if the pass failed."""
        self.facts.update(self._counts)
        if self._not_found:
            self.facts["coins without history"] = ", ".join(self._not_found)
        if self._failed:
            shown = [f"{coin}: {error}" for coin, error in list(self._failed.items())[:_SHOWN]]
            self.facts["coins failed"] = len(self._failed)
            self.facts["failures"] = "; ".join(shown)


def _unusable(batch: RawBatch) -> MalformedResponseError | None:
    """Return why no point of a response can be used.

    None means that the response contains no points, or only points right next to the window.
    """
    if batch.dead_letters:
        letter = batch.dead_letters[0]
        why = (
            f"none of its {len(batch.dead_letters) + batch.outside} points can be used "
            f"({letter['reason']}, e.g. {letter['body'][:_SHOWN_CHARACTERS]}); they are kept in "
            "`dead_letters`"
        )
    elif batch.outside:
        why = f"none of its {batch.outside} points is between the requested start and end"
    else:
        return None
    reason = batch.dead_letters[0]["reason"] if batch.dead_letters else "outside_window"
    return MalformedResponseError(
        f"{why}. A later run requests the window again", status=HTTPStatus.OK, reason=reason
    )
