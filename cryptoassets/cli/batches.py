"""`run --every`: micro-batches in one warm process, until a signal or a fault that stays.

What goes here: the clock, when to give up, and bounding what a loop leaves in Dagster. What stays
out: what one cycle runs (in `cycles`).
"""

import gc
import math
import signal
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from rich.console import Console
from rich.markup import escape
from rich.status import Status
from sqlalchemy.exc import SQLAlchemyError

from cryptoassets.cli.cycles import BATCH_TAG, Cycle, Cycles
from cryptoassets.cli.garbage import search_as_usual
from cryptoassets.cli.runner import Runner, line, source_words, warm_up_spark
from cryptoassets.cli.terminal import FAILED
from cryptoassets.embedded import Stack, dagster_instance
from cryptoassets.embedded.dead_runs import fail_dead_runs
from cryptoassets.embedded.old_runs import purge_runs
from cryptoassets.errors import StoreUnavailableError
from cryptoassets.settings import load_settings

if TYPE_CHECKING:
    from dagster import DagsterInstance

STAYING_ERRORS = frozenset(
    {
        "BadKeyError",
        "CreditsSpentError",
        "EmbeddedError",
        "MixedSourcesError",
        "PlanError",
        "SettingsError",
        "SparkJobError",
    }
)
"""Faults that no later cycle of this process gets past."""
MOST_FAILURES = 10
"""Cycles that may fail one after the other before the loop gives up."""

RUNS_KEPT_FOR = timedelta(hours=1)
_LOOKED_BACK = timedelta(days=2)
_CYCLES_A_PURGE = 10
# Dagster's instance keeps a listener for each run it has seen.
_CYCLES_AN_INSTANCE = 60


@dataclass
class Totals:
    """What a loop has done so far; times in seconds."""

    cycles: int = 0
    failed: int = 0
    failed_in_a_row: int = 0
    documents: int = 0
    rows: int = 0
    answer_to_row: list[float] = field(default_factory=list)

    def add(self, cycle: Cycle) -> None:
        """Count a cycle that ended."""
        self.cycles += 1
        self.failed += not cycle.is_done
        self.failed_in_a_row = 0 if cycle.is_done else self.failed_in_a_row + 1
        self.documents += cycle.documents
        self.rows += cycle.rows
        if cycle.answer_to_row_seconds is not None:
            # A day at one a minute; older ones say nothing of today.
            self.answer_to_row = [*self.answer_to_row[-1439:], cycle.answer_to_row_seconds]

    def words(self) -> str:
        """All of it in one sentence."""
        times = sorted(self.answer_to_row)
        median, slow = (_share(times, share) for share in (0.5, 0.95))
        measured = f" Answer to row: median {median:.1f} s, p95 {slow:.1f} s." if times else ""
        return (
            f"{self.cycles} cycles, {self.failed} of them failed; {self.documents:,} documents "
            f"new, {self.rows:,} rows written.{measured}"
        )


def run_every(console: Console, seconds: float) -> int:
    """Run a cycle every so many seconds; return the exit code when a fault ends the loop.

    Raises:
        KeyboardInterrupt: by SIGINT or SIGTERM, after the summary.
    """
    totals = Totals()
    try:
        with console.status("Starting what is missing") as status:
            return _loop(console, status, seconds, totals)
    finally:
        console.print(totals.words(), soft_wrap=True)


def _loop(console: Console, status: Status, seconds: float, totals: Totals) -> int:
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    _start(console)
    tags = {BATCH_TAG: f"{seconds:g} s", "cryptoassets/credits": "paced"}
    cycles = Cycles(tags)
    beats = _beats(seconds, console, status)
    from cryptoassets.definitions import build_defs, default_resources

    definitions = build_defs(resources=default_resources(is_long_lived=True))
    try:
        while True:
            with dagster_instance() as instance:
                fail_dead_runs(instance)
                runner = Runner(Console(quiet=True), status, instance, definitions=definitions)
                for _ in range(_CYCLES_AN_INSTANCE):
                    cycle = cycles.run(runner, ends_by=next(beats) + seconds)
                    totals.add(cycle)
                    _tell(console, cycle)
                    why = _why_to_end(cycle, totals)
                    if why:
                        console.print(f"[red]Ended:[/] {why}", soft_wrap=True)
                        return FAILED
                    if totals.cycles % _CYCLES_A_PURGE == 0:
                        _purge(instance, cycles.tags[BATCH_TAG])
                        # A run leaves cycles of objects, which Python seldom looks for by itself.
                        gc.collect()
    except SQLAlchemyError as error:
        raise StoreUnavailableError(
            "PostgreSQL does not answer where Dagster keeps its runs. A later retry can help; "
            "see that the server runs, and start again"
        ) from error


def _purge(instance: "DagsterInstance", tag: str) -> None:
    """Delete the loop's own successful runs of an hour ago that later ones have superseded."""
    now = datetime.now(UTC)
    purge_runs(
        instance,
        now - RUNS_KEPT_FOR,
        newer_than=now - _LOOKED_BACK,
        keep_failed=True,
        tags={BATCH_TAG: tag},
    )


def _start(console: Console) -> None:
    """Start stores, source and Spark."""
    started = time.monotonic()
    stack = Stack(load_settings(), report=lambda sentence: console.print(f"  {sentence}."))
    with ThreadPoolExecutor(max_workers=1) as pool:
        stores = pool.submit(stack.up)
        import cryptoassets.definitions  # noqa: F401 - seconds

        stores.result()
    line(console, "stores", f"up, source: {source_words(stack)}", started)
    started = time.monotonic()
    warm_up_spark(is_long_lived=True)
    line(console, "Spark", "ready", started)
    search_as_usual()


def _beats(seconds: float, console: Console, status: Status) -> Iterator[float]:
    """Wait for each beat of a steady clock and give its time; missed ones are passed over."""
    beat = time.monotonic()
    while True:
        yield beat
        now = time.monotonic()
        beat += seconds
        if now > beat:
            late = now - beat
            console.print(
                f"[yellow]  ! The cycle took {late:.1f} s longer than {seconds:g} s: the next "
                "begins at once[/]"
            )
            beat += math.floor(late / seconds) * seconds
            continue
        following = datetime.now(UTC) + timedelta(seconds=beat - now)
        status.update(f"Waiting for {following:%H:%M:%S} UTC")
        time.sleep(beat - now)


def _tell(console: Console, cycle: Cycle) -> None:
    mark = "[green]✓[/]" if cycle.is_done else "[red]✗[/]"
    words = ", ".join(cycle.words())
    console.print(f"{mark} {datetime.now(UTC):%H:%M:%S}  {words}", soft_wrap=True)
    for sentence in cycle.outcome.warnings:
        console.print(f"[yellow]  ! {escape(sentence)}[/]", soft_wrap=True)
    for sentence in cycle.outcome.failures:
        console.print(f"[red]  ✗ {escape(sentence)}[/]", soft_wrap=True)


def _why_to_end(cycle: Cycle, totals: Totals) -> str | None:
    staying = sorted(cycle.outcome.errors & STAYING_ERRORS)
    if staying:
        return f"{', '.join(staying)}: a later cycle would not get past it. Mend it and start again"
    if totals.failed_in_a_row >= MOST_FAILURES:
        return f"{MOST_FAILURES} cycles failed one after the other. Look closer with `dev`"
    return None


def _share(ordered: list[float], share: float) -> float:
    return ordered[max(0, math.ceil(share * len(ordered)) - 1)] if ordered else math.nan
