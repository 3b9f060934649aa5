"""The verb `rebuild`: PostgreSQL and the cleaned Parquet made again from raw alone.

What goes here: which partitions of a window are made again, and which cannot be. What stays out:
processing (in `again`) and the proof (in `audit`).
"""

from dataclasses import dataclass
from datetime import UTC, datetime

from rich.console import Console
from rich.markup import escape

from cryptoassets.cli.again import Again, processing_again
from cryptoassets.cli.ranges import Done, named
from cryptoassets.cli.terminal import FAILED
from cryptoassets.errors import SettingsError
from cryptoassets.io_managers.expiry import restore_ledger
from cryptoassets.partitions.spans import Span
from cryptoassets.schemas import FLOWS, Flow
from cryptoassets.upkeep.partitions import (
    ALL_TIME,
    Partition,
    ledger_rows,
    partition_of,
    raw_starts,
    table_starts,
)


@dataclass(frozen=True)
class Plan:
    """Partitions of a window, oldest first.

    Attributes:
        wanted: they have raw documents.
        orphans: they have rows, but no raw document to make them from.
        expired: retention deleted them.
    """

    wanted: list[Partition]
    orphans: list[Partition]
    expired: list[Partition]


def rebuild(console: Console, since: datetime | None, until: datetime | None) -> int:
    """Make every partition of a window again; return the exit code.

    Args:
        console: for progress and what cannot be made.
        since: first moment, UTC; its hour, or day of history, is made whole. None: the first.
        until: first moment after; None: now.

    Raises:
        SettingsError: the window is empty.
    """
    window = Span(_utc(since) or ALL_TIME[0], _utc(until) or ALL_TIME[1])
    if window[0] >= window[1]:
        raise SettingsError(f"--from {since} is not before --to {until}")
    with processing_again(console) as again:
        _restore(console, again)
        plan = _plan(again, window)
        for orphan in plan.orphans:
            again.outcome.failures.append(orphan.key)
            console.print(
                f"[red]  ✗[/] {orphan.asset} {orphan.key} has rows in PostgreSQL but no raw "
                "document: it is left as it is. Bring MongoDB's documents back from a backup",
                soft_wrap=True,
            )
        done = again.process(plan.wanted, lambda made: _tell(console, again, made))
        again.finish({partition.day.date() for partition in done})
    return _sum_up(console, again, plan, done)


def _utc(moment: datetime | None) -> datetime | None:
    return moment.replace(tzinfo=UTC) if moment else None


def _restore(console: Console, again: Again) -> None:
    """A ledger that is lost says nothing of what expired; the lake's notes do."""
    with again.postgres.connect() as connection, connection.cursor() as cursor:
        restored = restore_ledger(cursor, again.mongo.lake())
    if restored:
        console.print(f"  The ledger knows again of {restored} expired partitions.")


def _plan(again: Again, window: Span) -> Plan:
    plan = Plan([], [], [])
    for flow in FLOWS:
        _add(plan, again, flow, window)
    for partitions in vars(plan).values():
        partitions.sort()
    return plan


def _add(plan: Plan, again: Again, flow: Flow, window: Span) -> None:
    start, end = window
    whole = Span(start - (start - ALL_TIME[0]) % flow.span, end)
    raw = raw_starts(again.mongo, flow, whole)
    ledger = ledger_rows(again.postgres, flow, whole)
    expired = {start for start, row in ledger.items() if row.expired_at}
    published = {start for start, row in ledger.items() if row.raw_rows}
    rows = published | table_starts(again.postgres, flow, whole)
    for partitions, starts in (
        (plan.wanted, raw - expired),
        (plan.orphans, rows - raw - expired),
        (plan.expired, expired),
    ):
        partitions += [partition_of(flow, start) for start in starts]


def _tell(console: Console, again: Again, made: Done) -> None:
    console.print(
        f"[green]  ✓[/] {made.partitions[0].asset} {named(made.partitions)}  "
        f"{again.counts(made)}  [dim]{made.seconds:.1f} s[/]",
        soft_wrap=True,
    )


def _sum_up(console: Console, again: Again, plan: Plan, done: list[Partition]) -> int:
    failures = again.outcome.failures
    words = f"{len(done)} of {len(plan.wanted)} partitions made again from raw"
    if plan.expired:
        words += f"; {len(plan.expired)} have expired and are passed over"
    if failures:
        words += f"; {len(failures)} things failed"
    console.print(escape(f"{words}. Proof: cryptoassets audit"))
    return FAILED if failures else 0
