"""The operation `backfill`: fetches price history for a time span, or only for the gaps in it.

What goes here: processing week by week, and the result. What stays out: the request and its cost
(in `backfill_estimate`), what is left to do (in `backfills`), executing jobs (in `runs`).
"""

import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime

from cryptoassets.backfills.backfill import chunks, days_between, group_consecutive, unfinished
from cryptoassets.backfills.book import coins_without_history
from cryptoassets.backfills.gaps import DetectedGaps, days_with_gaps, detect_gaps
from cryptoassets.backfills.request import tags_of
from cryptoassets.backfills.resource import HistoryResource
from cryptoassets.backfills.windows import closed_until, on_grid
from cryptoassets.operations.backfill_estimate import BackfillRequest
from cryptoassets.operations.other_flows import refresh_ecb_rates
from cryptoassets.operations.progress import Progress, number_of
from cryptoassets.operations.ranges import StretchRunner, changed_keys, compute_marts
from cryptoassets.operations.runs import Runner
from cryptoassets.operations.session import Session, open_session
from cryptoassets.partitions.spans import Span, partition_name, partition_window
from cryptoassets.resources.spark_errors import fail_if_jvm_ended
from cryptoassets.schemas import HISTORY_FLOW, RAW_COIN_HISTORY
from cryptoassets.stores.credit_ledger import spent_on_history
from cryptoassets.stores.mongodb import WINDOWS
from cryptoassets.upkeep.days import stale_mart_days


@dataclass(frozen=True)
class HistoryCounts:
    """Numbers of points and calls in the lake, and credits spent on history so far."""

    points: int
    calls: int
    credits: int

    def since(self, before: "HistoryCounts") -> "HistoryCounts":
        """The difference from an earlier count."""
        return HistoryCounts(
            self.points - before.points, self.calls - before.calls, self.credits - before.credits
        )

    def __str__(self) -> str:
        """Describe the three counts."""
        return (
            f"{number_of(self.points, 'point')}, {number_of(self.calls, 'call')}, "
            f"{number_of(self.credits, 'credit')}"
        )


@dataclass(frozen=True)
class BackfillResult:
    """What a backfill did.

    Attributes:
        asked: the requested span; it ends at the newest point whose interval is over, or earlier.
        interval: interval of the points, such as h1.
        days_processed: number of days that this backfill fetched and published.
        days_done_before: number of days that were already finished.
        new: new points and calls in the lake, and credits spent.
        coins_without_history: coins for which the source has no history; they are not requested
            again.
        gaps_open: number of gaps that remain in the span.
        gaps_healed: number of gaps that this backfill filled.
        gaps_unfillable: number of gaps for which the source has no points.
        stopped: why the fetch ended early although nothing failed, e.g. credits are used up; None:
            it did not end early.
        failures: one sentence per failure.
        seconds: duration.
    """

    asked: BackfillRequest
    interval: str
    days_processed: int
    days_done_before: int
    new: HistoryCounts
    coins_without_history: list[str]
    gaps_open: int
    gaps_healed: int
    gaps_unfillable: int
    stopped: str | None
    failures: list[str]
    seconds: float


def chunk_words(unfinished_days: int, processed_days: int, new: HistoryCounts) -> str:
    """Describe what was done for one week.

    Args:
        unfinished_days: number of days of the week that were unfinished.
        processed_days: number of these days that were processed now.
        new: what was fetched now.
    """
    if not unfinished_days:
        return "already done"
    published = f"{processed_days} day{'s' if processed_days != 1 else ''} published"
    return f"{new}, {published}" if new.calls else f"fetched before, {published} now"


def run_backfill(progress: Progress, asked: BackfillRequest) -> BackfillResult:
    """Fetch, clean and publish a span's history, one week at a time; skip finished days."""
    started = time.monotonic()
    # Spark is not needed if all days are finished.
    with open_session(progress, starts_spark=False, blocks_retention=True) as session:
        backfill = _Backfill(session, asked)
        backfill.run()
        return backfill.result(time.monotonic() - started)


class _Backfill:
    """Processes a span week by week; finished days are neither fetched nor written again."""

    def __init__(self, session: Session, asked: BackfillRequest) -> None:
        progress, instance = session.progress, session.instance
        self._progress = progress
        self._await_spark = session.await_spark
        self._runner = Runner(progress, instance)
        self._marts = StretchRunner(Runner(progress, instance, is_reprocessing=True))
        self._stores = stores = session.stores
        self._history = history = HistoryResource(mongo=stores.mongo, postgres=stores.postgres)
        closed = closed_until(datetime.now(UTC), history.interval)
        until = on_grid(min(asked.until, closed), history.interval)
        self._asked = replace(asked, until=until)
        self._coins: tuple[str, ...] | None = None
        self._days_processed = self._days_done_before = 0
        self._before = self._counts()
        self._found = DetectedGaps([], [], [])

    def run(self) -> None:
        """Process the remaining weeks, look for gaps, and compute the marts of changed days."""
        refresh_ecb_rates(self._stores, self._runner, datetime.now(UTC))
        if self._asked.gaps_only:
            self._detect()
        else:
            # The coins are chosen only once, because their ranks may change during the backfill.
            with self._history.client() as client:
                self._coins = self._history.coins(client)
        weeks = chunks(self._days())
        for number, week in enumerate(weeks, start=1):
            if not self._process_week(week, f"chunk {number} of {len(weeks)}"):
                break
        self._detect()
        self._compute_marts()

    def _days(self) -> list[Span]:
        since, until = self._asked.since, self._asked.until
        if not self._asked.gaps_only:
            return days_between(since, until) if since < until else []
        return days_with_gaps(self._found.open, Span(since, until))

    def _process_week(self, week: Sequence[Span], name: str) -> bool:
        """Fetch and publish the unfinished days of a week; return whether to continue."""
        started, before = time.monotonic(), self._counts()
        history, outcome = self._history, self._runner.outcome
        self._progress.doing(f"{name}: looking for unfinished days")
        left = unfinished(history.mongo, history.postgres, self._wanted(week), week)
        if left:
            self._progress.doing("Starting Spark")
            self._await_spark()
        self._days_done_before += len(week) - len(left)
        failures, processed_before = len(outcome.failures), self._days_processed
        tags = tags_of(
            self._asked.since,
            self._asked.until,
            coins=self._coins,
            gaps_only=self._asked.gaps_only,
        )
        for consecutive_days in group_consecutive(left):
            first, last = (partition_name(consecutive_days[index]) for index in (0, -1))
            if self._runner.execute("history", first, last=last, tags=tags):
                self._days_processed += len(consecutive_days)
            else:
                fail_if_jvm_ended()
        words = chunk_words(
            len(left), self._days_processed - processed_before, self._counts().since(before)
        )
        days = f"{partition_name(week[0])} to {partition_name(week[-1])}"
        self._progress.done(name, f"{days}  {words}", time.monotonic() - started)
        is_source_gone = any(
            failure.startswith("raw/coin_history:") for failure in outcome.failures[failures:]
        )
        return not (is_source_gone or outcome.stopped)

    def _wanted(self, week: Sequence[Span]) -> dict[str, list[Span]]:
        request = self._asked.request(self._coins)
        start = max(request.start, week[0][0])
        return self._history.wanted(
            replace(request, start=start, end=week[-1][1]), self._asked.until
        )

    def _detect(self) -> None:
        self._progress.doing("Looking for gaps")
        history = self._history
        found = detect_gaps(history.mongo, history.postgres, history.interval)
        self._found = DetectedGaps(
            found.open,
            [*self._found.healed, *found.healed],
            [*self._found.unfillable, *found.unfillable],
        )

    def _compute_marts(self) -> None:
        """Compute the marts of days whose history changed or whose marts are stale."""
        since, until = self._asked.since, self._asked.until
        postgres = self._history.postgres
        with_new_points = {
            partition_window(day)[0].date()
            for day in changed_keys(self._runner.outcome, HISTORY_FLOW.asset)
        }
        stale = {day for day in stale_mart_days(postgres) if since.date() <= day <= until.date()}
        touched = with_new_points | stale
        if touched:
            compute_marts(self._marts, postgres, sorted(touched))
            self._runner.outcome.failures += self._marts.runner.outcome.failures

    def _counts(self) -> HistoryCounts:
        lake = self._history.mongo.lake()
        points, calls = (
            lake[name].estimated_document_count() for name in (RAW_COIN_HISTORY.name, WINDOWS)
        )
        with self._stores.postgres.connect() as connection:
            # Not this month's credits: the backfill may go on after the month has ended.
            return HistoryCounts(points, calls, spent_on_history(connection))

    def result(self, seconds: float) -> BackfillResult:
        """Return what was done and what is still missing."""
        since, until = self._asked.since, self._asked.until
        without = coins_without_history(self._history.mongo.lake()) & set(self._coins or ())
        outcome = self._runner.outcome
        return BackfillResult(
            asked=self._asked,
            interval=self._history.interval,
            days_processed=self._days_processed,
            days_done_before=self._days_done_before,
            new=self._counts().since(self._before),
            coins_without_history=sorted(without),
            gaps_open=sum(gap.start < until and gap.end > since for gap in self._found.open),
            gaps_healed=len(self._found.healed),
            gaps_unfillable=len(self._found.unfillable),
            stopped=outcome.stopped,
            failures=outcome.failures,
            seconds=seconds,
        )
