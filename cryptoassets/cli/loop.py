"""`run --every`: the loop's clock, one line per cycle, and the totals at the end.

What stays out: what a cycle does (in `operations.cycle`), which failures end the loop (in
`operations.batches`).
"""

import math
import time
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from rich.console import Console
from rich.markup import escape

from cryptoassets.cli.garbage import collect_garbage_normally
from cryptoassets.cli.json_output import cycle_json, print_json, progress_console
from cryptoassets.cli.render import progress_on
from cryptoassets.cli.terminal import FAILED, for_attention
from cryptoassets.operations.batches import micro_batches, reason_to_stop
from cryptoassets.operations.cycle import Cycle
from cryptoassets.operations.interrupts import interruptible
from cryptoassets.operations.progress import Progress, number_of

_MINUTES_PER_DAY = 1440


@dataclass
class Totals:
    """What a loop has done so far.

    Attributes:
        answer_to_row: per cycle, the seconds from the source's response to the published rows.
    """

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
            # A loop may run for months, so only the newest 1,440 latencies are kept: with one cycle
            # per minute, those of a day.
            newest = self.answer_to_row[1 - _MINUTES_PER_DAY :]
            self.answer_to_row = [*newest, cycle.answer_to_row_seconds]

    def words(self) -> str:
        """Describe the totals in a few sentences."""
        times = sorted(self.answer_to_row)
        median, slow = (_quantile(times, share) for share in (0.5, 0.95))
        measured = f" Answer to row: median {median:.1f} s, p95 {slow:.1f} s." if times else ""
        return (
            f"{number_of(self.cycles, 'cycle')}, {self.failed} of them failed; "
            f"{number_of(self.documents, 'document')} new, {number_of(self.rows, 'row')} written."
            f"{measured}"
        )


def run_every(console: Console, seconds: float, *, is_json: bool = False) -> int:
    """Run cycles at a fixed interval; return the exit code when a fatal error ends the loop.

    Args:
        console: for progress, a line per cycle, and the totals.
        seconds: the interval.
        is_json: print each cycle as one line of JSON, and everything else to stderr.

    Raises:
        KeyboardInterrupt: SIGINT or SIGTERM was received; raised after the totals are printed.
    """
    totals = Totals()
    shown = progress_console(is_json=is_json)
    try:
        with (
            progress_on(shown) as progress,
            closing(micro_batches(progress, seconds, _beats(seconds, progress))) as batches,
            closing(interruptible(batches)) as cycles,
        ):
            for cycle in cycles:
                totals.add(cycle)
                if is_json:
                    print_json(cycle_json(cycle), indent=None)
                else:
                    _print_cycle(console, cycle)
                reason = reason_to_stop(cycle, totals.failed_in_a_row)
                if reason:
                    for_attention(shown).print(f"[red]Ended:[/] {reason}", soft_wrap=True)
                    return FAILED
        return 0
    finally:
        shown.print(totals.words(), soft_wrap=True)


def _beats(seconds: float, progress: Progress) -> Iterator[float]:
    """Wait for each beat of a steady clock and yield its time; missed beats are skipped."""
    # Startup, with its many imports, is over.
    collect_garbage_normally()
    beat = time.monotonic()
    while True:
        yield beat
        now = time.monotonic()
        beat += seconds
        if now > beat:
            late = now - beat
            progress.warn(
                f"The cycle took {late:.1f} s longer than the interval of {seconds:g} s: the next "
                "one starts immediately"
            )
            beat += math.floor(late / seconds) * seconds
            continue
        following = datetime.now(UTC) + timedelta(seconds=beat - now)
        progress.doing(f"Waiting until {following:%H:%M:%S} UTC")
        time.sleep(beat - now)


def _print_cycle(console: Console, cycle: Cycle) -> None:
    mark = "[green]✓[/]" if cycle.is_done else "[red]✗[/]"
    words = escape(", ".join(cycle.words()))
    console.print(f"{mark} {datetime.now(UTC):%H:%M:%S}  {words}", soft_wrap=True)
    attention = for_attention(console)
    for sentence in cycle.outcome.warnings:
        attention.print(f"[yellow]  ! {escape(sentence)}[/]", soft_wrap=True)
    for sentence in cycle.outcome.failures:
        attention.print(f"[red]  ✗ {escape(sentence)}[/]", soft_wrap=True)


def _quantile(ordered: list[float], share: float) -> float:
    return ordered[max(0, math.ceil(share * len(ordered)) - 1)] if ordered else math.nan
