"""The verb `backfill`: history of a stretch of time, or of the holes in it.

What goes here: chunks, progress and the summary. What stays out: what was asked for and costs (in
`backfill_bill`), what is left to do (in `upkeep`), executing jobs (in `runner`).
"""

import signal
import time
from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from datetime import UTC, datetime

from rich.console import Console
from rich.markup import escape

from cryptoassets.cli.backfill_bill import Stretch, credit_budget, history_resource
from cryptoassets.cli.ranges import Ranges, changed, make_marts
from cryptoassets.cli.runner import Runner, line, source_words, warm_up
from cryptoassets.cli.terminal import FAILED
from cryptoassets.embedded import Stack, dagster_instance
from cryptoassets.embedded.dead_runs import fail_dead_runs
from cryptoassets.history.backfill import adjoining, chunks, days_between, unfinished
from cryptoassets.history.book import coins_without_history
from cryptoassets.history.gaps import DetectedGaps, days_with_gaps, detect_gaps
from cryptoassets.history.request import tags_of
from cryptoassets.history.resource import HistoryResource
from cryptoassets.history.windows import closed_until, on_grid
from cryptoassets.partitions.spans import Span, partition_name, partition_window
from cryptoassets.resources.spark_errors import fail_if_jvm_ended
from cryptoassets.schemas import HISTORY_FLOW, RAW_COIN_HISTORY
from cryptoassets.settings import load_settings
from cryptoassets.stores.mongodb import WINDOWS
from cryptoassets.upkeep.days import stale_mart_days
from cryptoassets.upkeep.retention import blocking_retention

_SHOWN = 5


def run_backfill(console: Console, asked: Stretch) -> int:
    """Fetch, clean and publish a stretch, a week at a time; return the exit code."""
    started = time.monotonic()
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    with console.status("Starting what is missing") as status:
        stack = Stack(load_settings(), report=lambda sentence: console.print(f"  {sentence}."))
        stack.up()
        line(console, "stores", f"up, source: {source_words(stack)}", started)
        history = history_resource()
        with (
            dagster_instance() as instance,
            closing(history.mongo.lake().client),
            blocking_retention(history.postgres),
        ):
            fail_dead_runs(instance)
            runner = Runner(console, status, instance)
            marts = Ranges(console, status, Runner(console, status, instance, is_replay=True))
            backfill = _Backfill(console, runner, marts, history, asked)
            backfill.run()
            return backfill.tell(time.monotonic() - started)


@dataclass(frozen=True)
class _Counts:
    """What stands, for differences: points and calls in the lake, credits of history."""

    points: int
    calls: int
    credits: int

    def since(self, before: "_Counts") -> str:
        """What came, in words."""
        came = (
            (self.points - before.points, "points"),
            (self.calls - before.calls, "calls"),
            (self.credits - before.credits, "credits"),
        )
        return ", ".join(f"{number:,} {word}" for number, word in came)


class _Backfill:
    """One stretch, chunk by chunk; what is done already is neither fetched nor written again."""

    def __init__(
        self,
        console: Console,
        runner: Runner,
        marts: Ranges,
        history: HistoryResource,
        asked: Stretch,
    ) -> None:
        self._console = console
        self._runner = runner
        self._marts = marts
        self._history = history
        closed = closed_until(datetime.now(UTC), history.interval)
        until = on_grid(min(asked.until, closed), history.interval)
        self._asked = replace(asked, until=until)
        self._coins: tuple[str, ...] | None = None
        self._days_done = self._days_done_before = 0
        self._before = self._counts()
        self._found = DetectedGaps([], [], [])

    def run(self) -> None:
        """Do what is left, look for gaps, and make the marts of days that changed."""
        if self._asked.gaps_only:
            self._detect()
        else:
            # Chosen once: ranks may change between two chunks.
            with self._history.client() as client:
                self._coins = self._history.coins(client)
        weeks = chunks(self._days())
        for number, week in enumerate(weeks, start=1):
            if not self._do(week, f"chunk {number} of {len(weeks)}"):
                break
        self._detect()
        self._make_marts()

    def _days(self) -> list[Span]:
        since, until = self._asked.since, self._asked.until
        if not self._asked.gaps_only:
            return days_between(since, until) if since < until else []
        return days_with_gaps(self._found.open, Span(since, until))

    def _do(self, week: Sequence[Span], name: str) -> bool:
        """Fetch and publish what is left of a week; False when there is no use in going on."""
        started, before = time.monotonic(), self._counts()
        history, outcome = self._history, self._runner.outcome
        with self._runner.waiting(f"{name}: looking at what is there"):
            left = unfinished(history.mongo, history.postgres, self._wanted(week), week)
        if left and not self._days_done:
            with self._runner.waiting("Starting Spark"):
                warm_up()
        self._days_done_before += len(week) - len(left)
        failures = len(outcome.failures)
        tags = tags_of(
            self._asked.since,
            self._asked.until,
            coins=self._coins,
            gaps_only=self._asked.gaps_only,
        )
        for days in adjoining(left):
            first, last = partition_name(days[0]), partition_name(days[-1])
            if self._runner.execute("history", first, last=last, tags=tags):
                self._days_done += len(days)
            else:
                fail_if_jvm_ended()
        words = self._counts().since(before) if left else "done before"
        days_named = f"{partition_name(week[0])} to {partition_name(week[-1])}"
        line(self._console, name, f"{days_named}  {words}", started)
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
        with self._runner.waiting("Looking for gaps"):
            history = self._history
            found = detect_gaps(history.mongo, history.postgres, history.interval)
            self._found = DetectedGaps(
                found.open,
                [*self._found.healed, *found.healed],
                [*self._found.unfillable, *found.unfillable],
            )

    def _make_marts(self) -> None:
        """Make the marts of days whose history changed, or whose marts are stale."""
        since, until = self._asked.since, self._asked.until
        postgres = self._history.postgres
        fresh = {
            partition_window(day)[0].date()
            for day in changed(self._runner.outcome, HISTORY_FLOW.asset)
        }
        stale = {day for day in stale_mart_days(postgres) if since.date() <= day <= until.date()}
        touched = fresh | stale
        if touched:
            make_marts(self._marts, postgres, sorted(touched))
            self._runner.outcome.failures += self._marts.runner.outcome.failures

    def _counts(self) -> _Counts:
        lake = self._history.mongo.lake()
        points, calls = (
            lake[name].estimated_document_count() for name in (RAW_COIN_HISTORY.name, WINDOWS)
        )
        return _Counts(points, calls, credit_budget().history)

    def tell(self, seconds: float) -> int:
        """Say what was done and what is missing; return the exit code."""
        say = self._console.print
        outcome, interval = self._runner.outcome, self._history.interval
        since, until = self._asked.since, self._asked.until
        say(
            f"History {since:%Y-%m-%d %H:%M} to {until:%Y-%m-%d %H:%M} UTC, interval {interval}: "
            f"{self._days_done} days processed, {self._days_done_before} done before; "
            f"{self._counts().since(self._before)}. {seconds:.0f} s in all.",
            soft_wrap=True,
        )
        lost = coins_without_history(self._history.mongo.lake()) & set(self._coins or ())
        if lost:
            say(f"Without history at the source, not asked again: {', '.join(sorted(lost))}.")
        self._tell_gaps()
        if outcome.stopped:
            say(f"[red]Stopped:[/] {escape(outcome.stopped)}", soft_wrap=True)
        for failure in outcome.failures[:_SHOWN]:
            say(f"[red]Failed:[/] {escape(failure)}", soft_wrap=True)
        if len(outcome.failures) > _SHOWN:
            say(f"[red]Failed:[/] {len(outcome.failures) - _SHOWN} things more, see above")
        if outcome.failures or outcome.stopped:
            say("What is done stays done: the same command goes on from here.")
            return FAILED
        return 0

    def _tell_gaps(self) -> None:
        since, until = self._asked.since, self._asked.until
        within = [gap for gap in self._found.open if gap.start < until and gap.end > since]
        words = f"{len(within)} open in this stretch"
        if self._asked.gaps_only:
            words += f", {len(self._found.healed)} healed, "
            words += f"{len(self._found.unfillable)} that the source cannot fill"
        elif within:
            words += "; `cryptoassets backfill --gaps` asks for them once more"
        self._console.print(f"Gaps: {words} (warehouse.gaps).")
