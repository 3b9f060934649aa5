"""Prints the progress and the results of operations.

What goes here: symbols and colours of progress, and one function per result. What stays out: the
tables of `status` (in `status_tables`), the summary of `run` (in `summary`).
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager, nullcontext
from typing import TYPE_CHECKING

from rich.console import Console
from rich.markup import escape
from rich.status import Status
from rich.table import Table

from cryptoassets.cli.terminal import for_attention, table_of
from cryptoassets.operations.progress import number_of

if TYPE_CHECKING:
    # Importing these modules takes seconds, and each command needs only one of them.
    from cryptoassets.operations.audit_partitions import Findings
    from cryptoassets.operations.backfill import BackfillResult
    from cryptoassets.operations.backfill_estimate import BackfillEstimate
    from cryptoassets.operations.freshness import Freshness
    from cryptoassets.operations.rebuild import RebuildResult
    from cryptoassets.operations.requeue import RequeueResult
    from cryptoassets.upkeep.retention import Candidate, RetentionResult

_SHOWN = 5
_DAY = "%Y-%m-%d"


class ConsoleProgress:
    """Prints reports of progress, and shows the current activity next to a spinner."""

    def __init__(self, console: Console, status: Status) -> None:
        self._console = console
        self._status = status

    def doing(self, activity: str) -> None:
        """Show the activity next to the spinner."""
        self._status.update(escape(activity))

    def note(self, sentence: str) -> None:
        """Print the sentence, indented."""
        self._print(f"  {escape(sentence)}")

    def warn(self, sentence: str) -> None:
        """Print the sentence in yellow."""
        self._print_attention(f"[yellow]  ! {escape(sentence)}[/]")

    def fail(self, sentence: str) -> None:
        """Print the sentence in red."""
        self._print_attention(f"[red]  ✗ {escape(sentence)}[/]")

    def retry(self, step: str, reason: str) -> None:
        """Print the step in yellow, and the reason for the retry."""
        self._print(f"[yellow]  ↻ {escape(step)}[/]  {escape(reason)}")

    def done(self, name: str, result: str = "", seconds: float | None = None) -> None:
        """Print the name and the result with a green tick."""
        words = f"{name:<24} {result}" if result else name
        took = "" if seconds is None else f"  [dim]{seconds:.1f} s[/]"
        self._print(f"[green]  ✓[/] {escape(words)}{took}")

    def _print(self, text: str) -> None:
        self._console.print(text, soft_wrap=True)

    def _print_attention(self, text: str) -> None:
        for_attention(self._console).print(text, soft_wrap=True)


@contextmanager
def progress_on(console: Console) -> Iterator[ConsoleProgress]:
    """Show progress on a console until the block ends."""
    status = console.status("Starting")
    with nullcontext() if console.quiet else status:
        yield ConsoleProgress(console, status)


def print_rebuild(console: Console, result: "RebuildResult") -> None:
    """Print how many partitions were rebuilt."""
    words = f"{result.rebuilt} of {result.wanted} partitions rebuilt from raw"
    if result.expired:
        words += f"; expired and skipped: {result.expired}"
    if result.failures:
        words += f"; failures: {len(result.failures)}"
    console.print(escape(f"{words}. `cryptoassets audit` checks the result."))


def print_requeue(console: Console, result: "RequeueResult") -> None:
    """Print how many documents were released; print nothing if no partition was processed."""
    failures = result.failures
    if result.partitions or failures:
        console.print(
            f"{number_of(result.released, 'document')} released from "
            f"{number_of(result.partitions, 'partition')}"
            + (f"; failures: {len(failures)}" if failures else "")
            + "."
        )


def print_freshness(console: Console, freshness: "Freshness") -> None:
    """Print how old the newest price is; in yellow if it is too old."""
    style = None if freshness.is_fresh else "yellow"
    shown = console if freshness.is_fresh else for_attention(console)
    shown.print(freshness.sentence(), style=style, soft_wrap=True)


def print_audit(console: Console, home: str, found: "Findings") -> None:
    """Print notes and differences, or that there are no differences."""
    console.print(f"Home: {home}", soft_wrap=True)
    for sentence in found.not_compared:
        console.print(f"[dim]·[/] {escape(sentence)}", soft_wrap=True)
    attention = for_attention(console)
    for note in found.notes:
        attention.print(f"[yellow]![/] {escape(note)}", soft_wrap=True)
    for problem in found.problems:
        attention.print(f"[red]✗[/] {escape(problem)}", soft_wrap=True)
    if found.problems:
        attention.print(
            f"{number_of(len(found.problems), 'difference')} found. For hours and days with "
            "unpublished documents, use `cryptoassets run`. For all other differences from the raw "
            "documents, use `cryptoassets rebuild --from --to`."
        )
        return
    console.print(
        f"[green]✓[/] {found.documents:,} raw documents in "
        f"{', '.join(found.counted) or '0 hours'}: each is "
        "loaded, quarantined or superseded, exactly once, and the ledger agrees."
    )


def print_estimate(console: Console, estimate: "BackfillEstimate") -> None:
    """Print what a backfill would fetch and cost."""
    cost, coins = estimate.cost, estimate.coins
    if not cost.calls:
        console.print(
            f"Nothing is missing: a backfill would make no call (interval {estimate.interval})."
        )
        return
    if estimate.source != "coincap":
        console.print(
            f"The source is a {estimate.source}, which costs nothing. At CoinCap, the same calls "
            "would cost:"
        )
    if estimate.is_number_of_coins_assumed:
        console.print(f"No coins are known before the first snapshot: {coins} are assumed.")
    table = table_of("coins", "calls each", "credits each", "credits")
    for (calls, credits_each), number in sorted(cost.groups.items(), reverse=True):
        row = (number, calls, credits_each, number * credits_each)
        table.add_row(*(f"{value:,}" for value in row))
    console.print(table)
    console.print(
        f"{number_of(coins, 'coin')}, {number_of(cost.calls, 'call')}, "
        f"about {cost.credits:,} CoinCap credits (interval {estimate.interval}). "
        "Nothing was fetched.",
        soft_wrap=True,
    )
    console.print(_months(estimate), soft_wrap=True)


def _months(estimate: "BackfillEstimate") -> str:
    """Describe whether a backfill fits into the credits of the current month."""
    budget, months = estimate.budget, estimate.months
    if months is None:
        return "Your plan has no limit (COINCAP_MONTHLY_CREDITS=0)."
    fits = (
        "This fits into this month's credits"
        if months == 1
        else f"This needs the credits of {months} calendar months"
    )
    return (
        f"{fits}: {budget.left:,} of {budget.monthly:,} are left. A backfill leaves "
        f"{budget.kept_from_history:,} of them: {budget.reserve:,} in reserve, the rest for "
        "snapshots until the month ends."
    )


def print_backfill(console: Console, result: "BackfillResult") -> None:
    """Print what was done and what is still missing."""
    asked = result.asked
    console.print(
        f"History {asked.since:%Y-%m-%d %H:%M} to {asked.until:%Y-%m-%d %H:%M} UTC, interval "
        f"{result.interval}: {number_of(result.days_processed, 'day')} processed, "
        f"{result.days_done_before} already done; {result.new}. {result.seconds:.0f} s in total.",
        soft_wrap=True,
    )
    without = ", ".join(result.coins_without_history)
    if without:
        console.print(
            f"The source has no history of these coins, which are not requested again: {without}."
        )
    console.print(f"Gaps: {_gaps(result)} (warehouse.gaps).")
    if result.stopped:
        for_attention(console).print(f"[red]Stopped:[/] {escape(result.stopped)}", soft_wrap=True)
    for failure in result.failures[:_SHOWN]:
        console.print(f"[red]Failed:[/] {escape(failure)}", soft_wrap=True)
    more = len(result.failures) - _SHOWN
    if more > 0:
        console.print(f"[red]Failed:[/] {more} more, see above")
    if result.failures or result.stopped:
        console.print("Finished days are kept: the same command continues from here.")


def _gaps(result: "BackfillResult") -> str:
    words = f"{result.gaps_open} open in this range"
    if result.asked.gaps_only:
        words += f", {result.gaps_healed} healed, "
        words += f"{result.gaps_unfillable} that the source cannot fill"
    elif result.gaps_open:
        words += "; `cryptoassets backfill --gaps` fetches them again"
    return words


def print_retention(console: Console, result: "RetentionResult", *, is_dry_run: bool) -> None:
    """Print what was deleted (or would be, in a dry run), and which old partitions are kept."""
    done = "would be deleted" if is_dry_run else "deleted"
    if result.before is None:
        console.print("CRYPTOASSETS_RETENTION_DAYS is not set: all data is kept.")
    else:
        going = [one for one in result.candidates if one.held is None]
        console.print(_retention_table(going))
        console.print(
            f"{number_of(len(going), 'partition')} from before {result.before:{_DAY}} {done}: "
            f"{number_of(sum(one.documents for one in going), 'document')}, "
            f"{number_of(sum(one.rows for one in going), 'row')}, "
            f"{sum(one.clean_bytes for one in going) / 1e6:,.1f} MB of Parquet; "
            f"{result.records:,} dead letters and records of fetches and publications.",
            soft_wrap=True,
        )
        for one in result.candidates:
            if one.held is not None:
                name = f"{one.partition.asset} {one.partition.key}"
                sentence = f"[yellow]  ! {name}[/] is kept: {one.held}"
                for_attention(console).print(sentence, soft_wrap=True)
    if result.runs is None:
        console.print("DAGSTER_RUNS_RETENTION_DAYS is not set: all Dagster runs are kept.")
    else:
        console.print(f"{number_of(result.runs, 'Dagster run')} {done}, with their events.")


def _retention_table(going: "Sequence[Candidate]") -> Table:
    """Return a table with one row per day and asset; the hours of a day are summed up."""
    table = table_of("day", "asset", "partitions", "documents", "rows", "Parquet MB")
    for day, asset in sorted({(f"{c.partition.start:{_DAY}}", c.partition.asset) for c in going}):
        some = [
            c for c in going if (f"{c.partition.start:{_DAY}}", c.partition.asset) == (day, asset)
        ]
        numbers = (len(some), sum(c.documents for c in some), sum(c.rows for c in some))
        size = sum(c.clean_bytes for c in some) / 1e6
        table.add_row(day, asset, *(f"{number:,}" for number in numbers), f"{size:,.1f}")
    return table
