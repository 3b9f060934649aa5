"""What a person sees of `status`.

What goes here: tables and sentences. What stays out: gathering it (in `operations.status`).
"""

import json
from collections.abc import Iterator
from dataclasses import asdict
from datetime import UTC, datetime

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from cryptoassets.coincap.clocks import clock_warning
from cryptoassets.operations.progress import first_of
from cryptoassets.operations.status import CreditStatus, Status
from cryptoassets.schemas import HISTORY_FLOW, SNAPSHOT_FLOW

_REMEDIES = {
    SNAPSHOT_FLOW.asset: "`cryptoassets run`",
    HISTORY_FLOW.asset: "`cryptoassets backfill` or `rebuild` of those days",
}
_SHOWN = 5


def as_json(status: Status) -> str:
    """The status for programs; names are those of `operations.status.Status`."""
    return json.dumps(asdict(status), indent=2)


def print_status(console: Console, status: Status) -> None:
    """Print the status; what needs attention comes last, nearest to the prompt."""
    console.print(f"Source of data: [bold]{status.source}[/]  Home: {status.home}")
    for table in (_runs(status), _assets(status), _checks(status)):
        console.print(table)
    console.print(
        f"Credits: {_credits(status.credits)}. Disk: {status.disk_bytes / 1e6:,.0f} MB used, "
        f"{status.disk_free_bytes / 1e9:,.1f} GB free."
    )
    for sentence in _warnings(status):
        console.print(f"[yellow]![/] {escape(sentence)}", soft_wrap=True)
    for sentence in _failures(status):
        console.print(f"[red]✗[/] {escape(sentence)}", soft_wrap=True)


def _runs(status: Status) -> Table:
    table = Table("last run of", "partition", "outcome", "age", box=None)
    for run in status.last_runs:
        style = {"succeeded": "green", "canceled": "yellow"}.get(run.outcome, "red")
        outcome = f"[{style}]{run.outcome}[/]"
        table.add_row(run.job, run.partition, outcome, _age(_seconds_since(run.ended_at)))
    return table


def _assets(status: Status) -> Table:
    table = Table("asset", "last partition", "rows", "age", "fresh", box=None)
    for asset in status.assets:
        fresh = {True: "[green]yes[/]", False: "[red]no[/]", None: ""}[asset.is_fresh]
        rows = "" if asset.rows is None else f"{asset.rows:,}"
        age = "never" if asset.age_seconds is None else _age(asset.age_seconds)
        table.add_row(asset.asset, asset.last_partition, rows, age, fresh)
    return table


def _checks(status: Status) -> Table:
    table = Table("check", "partition", "result", box=None)
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
        left += f"; {spent.spent_today:,} in the last 24 hours, at which pace they last "
        left += f"until {lasts[:16].replace('T', ' ')} UTC" if lasts else "to the month's end"
    return left


def _warnings(status: Status) -> Iterator[str]:
    warning = clock_warning(status.clock_difference_seconds)
    if warning:
        yield warning
    days = status.stale_mart_days
    if days:
        yield (
            f"The marts of {first_of(days, _SHOWN)} are older than their prices: "
            "`cryptoassets run` makes them again"
        )


def _failures(status: Status) -> Iterator[str]:
    for run in status.failed_runs:
        partition = f" of {run.partition}" if run.partition else ""
        verb = "was killed" if run.outcome == "killed" else "failed"
        age = _age(_seconds_since(run.ended_at))
        yield f"The last run of {run.job}{partition} {verb} {age} ago: {run.error}"
    for asset, remedy in _REMEDIES.items():
        waiting = [partition for partition in status.waiting if partition.asset == asset]
        documents = sum(partition.documents for partition in waiting)
        if waiting:
            shown = first_of([partition.partition for partition in waiting], _SHOWN)
            yield (
                f"{documents:,} documents of {shown} are fetched and not published: "
                f"{remedy} publishes them"
            )


def _seconds_since(moment: str) -> float:
    return (datetime.now(UTC) - datetime.fromisoformat(moment)).total_seconds()


def _age(seconds: float) -> str:
    for size, unit in ((86_400, "d"), (3_600, "h"), (60, "min")):
        if seconds >= size:
            return f"{seconds / size:.1f} {unit}"
    return f"{seconds:.0f} s"
