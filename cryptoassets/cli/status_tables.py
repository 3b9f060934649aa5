"""Prints the result of `status`.

What goes here: tables and sentences. What stays out: gathering the status (in `operations.status`).
"""

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from cryptoassets.cli.render import print_freshness
from cryptoassets.cli.terminal import for_attention, table_of
from cryptoassets.coincap.clocks import clock_warning
from cryptoassets.monitoring.credits import CreditStatus
from cryptoassets.operations.last_publications import Publication
from cryptoassets.operations.progress import first_of, number_of
from cryptoassets.operations.status import Status
from cryptoassets.schemas import FLOWS
from cryptoassets.upkeep.earlier_data import earlier_documents, split_at_first

_SHOWN = 5


def print_status(console: Console, status: Status) -> None:
    """Print the status; what needs attention is printed last, nearest to the prompt."""
    console.print(f"Source of data: [bold]{status.source}[/]  Home: {status.home}")
    for table in (
        _runs(status),
        publications_table(status.last_publications),
        _assets(status),
        _checks(status),
    ):
        console.print(table)
    console.print(
        f"Credits: {_credits(status.credits)}. Disk: {status.disk_bytes / 1e6:,.0f} MB used, "
        f"{status.disk_free_bytes / 1e9:,.1f} GB free."
    )
    print_freshness(console, status.freshness)
    attention = for_attention(console)
    for sentence in _warnings(status):
        attention.print(f"[yellow]![/] {escape(sentence)}", soft_wrap=True)
    for sentence in _failures(status):
        attention.print(f"[red]✗[/] {escape(sentence)}", soft_wrap=True)


def _runs(status: Status) -> Table:
    table = table_of("last run of", "partition", "outcome", "age")
    for run in status.last_runs:
        style = {"succeeded": "green", "canceled": "yellow"}.get(run.outcome, "red")
        outcome = f"[{style}]{run.outcome}[/]"
        table.add_row(run.job, run.partition, outcome, _age(_seconds_since(run.ended_at)))
    return table


def publications_table(publications: Sequence[Publication]) -> Table:
    """Return a table of the last publications: what changed, and which run changed it."""
    table = table_of("last publication of", "partition", "rows", "run", "age")
    for one in publications:
        removed = f", {one.rows_removed:,} removed" if one.rows_removed else ""
        rows = f"{one.rows_written:,} written{removed}"
        age = _age(_seconds_since(one.published_at))
        table.add_row(one.asset, one.partition, rows, one.run_id[:8], age)
    return table


def _assets(status: Status) -> Table:
    table = table_of("asset", "last partition", "rows", "age", "fresh")
    for asset in status.assets:
        fresh = {True: "[green]yes[/]", False: "[red]no[/]", None: ""}[asset.is_fresh]
        rows = "" if asset.rows is None else f"{asset.rows:,}"
        age = "never" if asset.age_seconds is None else _age(asset.age_seconds)
        table.add_row(asset.asset, asset.last_partition, rows, age, fresh)
    return table


def _checks(status: Status) -> Table:
    table = table_of("check", "partition", "result")
    for check in status.checks:
        word = "[green]passed[/]" if check.passed else f"[red]{check.severity}[/]"
        words = "" if check.passed else f" {escape(check.description or '')}"
        table.add_row(f"{check.asset} {check.name}", check.partition, word + words)
    return table


def _credits(spent: CreditStatus) -> str:
    if spent.left is None:
        return "no limit"
    left = f"{spent.left:,} of {spent.monthly:,} left"
    if spent.spent_today:
        lasts = spent.lasts_until
        left += f"; {spent.spent_today:,} spent in the last 24 hours. At this rate they last until "
        left += f"{lasts[:16].replace('T', ' ')} UTC" if lasts else "the end of the month"
    return left


def _warnings(status: Status) -> Iterator[str]:
    warning = clock_warning(status.clock_difference_seconds)
    if warning:
        yield warning
    if status.earlier_data:
        yield status.earlier_data
    days = status.stale_mart_days
    if days:
        yield (
            f"The marts of {first_of(days, _SHOWN)} are older than their prices: "
            "`cryptoassets run` computes them again"
        )


def _failures(status: Status) -> Iterator[str]:
    for run in status.failed_runs:
        partition = f" for {run.partition}" if run.partition else ""
        verb = "was killed" if run.outcome == "killed" else "failed"
        age = _age(_seconds_since(run.ended_at))
        yield f"The last run of {run.job}{partition} {verb} {age} ago: {run.error}"
    for flow in FLOWS:
        waiting = [partition for partition in status.waiting if partition.asset == flow.asset]
        earlier, _ = split_at_first([partition.partition for partition in waiting])
        if earlier:
            yield earlier_documents(earlier)
        waiting = [partition for partition in waiting if partition.partition not in earlier]
        documents = sum(partition.documents for partition in waiting)
        if waiting:
            shown = first_of([partition.partition for partition in waiting], _SHOWN)
            yield (
                f"{number_of(documents, 'document')} of {shown} fetched but not published: "
                "`cryptoassets run` publishes them"
            )


def _seconds_since(moment: str) -> float:
    return (datetime.now(UTC) - datetime.fromisoformat(moment)).total_seconds()


def _age(seconds: float) -> str:
    for size, unit in ((86_400, "d"), (3_600, "h"), (60, "min")):
        if seconds >= size:
            return f"{seconds / size:.1f} {unit}"
    return f"{seconds:.0f} s"
