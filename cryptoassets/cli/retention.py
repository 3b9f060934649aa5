"""The verb `retention`: old partitions deleted from all stores, and Dagster's old runs.

What goes here: what a person sees of it. What stays out: what goes, and how (in
`upkeep.retention`, `embedded.old_runs`).
"""

from collections.abc import Sequence
from contextlib import closing
from datetime import UTC, datetime

from rich.console import Console
from rich.table import Table

from cryptoassets.cli.terminal import FAILED
from cryptoassets.embedded import dagster_instance
from cryptoassets.embedded.dead_runs import fail_dead_runs
from cryptoassets.resources.mongo import MongoResource
from cryptoassets.resources.postgres import PostgresResource
from cryptoassets.settings import load_settings
from cryptoassets.upkeep.retention import (
    Candidate,
    RetentionResult,
    RetentionTargets,
    bounds,
    retain,
)

_DAY = "%Y-%m-%d"


def apply_retention(console: Console, *, is_dry_run: bool) -> int:
    """Delete what is older than the settings keep, or say what would go; return the exit code."""
    before, runs_before = bounds(load_settings(), datetime.now(UTC))
    if before is None:
        console.print("CRYPTOASSETS_RETENTION_DAYS is not set: all data is kept.")
    if runs_before is None:
        console.print("DAGSTER_RUNS_RETENTION_DAYS is not set: all of Dagster's runs are kept.")
    mongo = MongoResource()
    with (
        dagster_instance() as instance,
        console.status("Looking for what is old") as status,
        closing(mongo.lake().client),
    ):
        if not is_dry_run:
            # Else their partitions would be kept for ever.
            fail_dead_runs(instance)
        where = RetentionTargets(mongo, PostgresResource(), instance)
        swept = retain(where, before, runs_before, is_dry_run=is_dry_run, report=status.update)
    return _print(console, swept, is_dry_run=is_dry_run)


def _print(console: Console, swept: RetentionResult, *, is_dry_run: bool) -> int:
    if swept.before is not None:
        going = [one for one in swept.candidates if one.held is None]
        held = [one for one in swept.candidates if one.held is not None]
        console.print(_table(going))
        done = "would be deleted" if is_dry_run else "deleted"
        console.print(
            f"{len(going)} partitions from before {swept.before:{_DAY}} {done}: "
            f"{sum(one.documents for one in going):,} documents, "
            f"{sum(one.rows for one in going):,} rows, "
            f"{sum(one.clean_bytes for one in going) / 1e6:,.1f} MB of Parquet; "
            f"{swept.records:,} records of fetches, dead letters and publications.",
            soft_wrap=True,
        )
        for one in held:
            name = f"{one.partition.asset} {one.partition.key}"
            console.print(f"[yellow]  ! {name}[/] stays: {one.held}", soft_wrap=True)
    if swept.runs is not None:
        done = "would be deleted" if is_dry_run else "deleted"
        console.print(f"{swept.runs:,} of Dagster's runs {done} with their events.")
    return FAILED if any(one.is_stuck for one in swept.candidates) else 0


def _table(going: Sequence[Candidate]) -> Table:
    """One line a day and asset; hours are summed up."""
    table = Table("day", "asset", "partitions", "documents", "rows", "Parquet MB", box=None)
    for day, asset in sorted({(f"{c.partition.start:{_DAY}}", c.partition.asset) for c in going}):
        some = [
            c for c in going if (f"{c.partition.start:{_DAY}}", c.partition.asset) == (day, asset)
        ]
        numbers = (len(some), sum(c.documents for c in some), sum(c.rows for c in some))
        size = sum(c.clean_bytes for c in some) / 1e6
        table.add_row(day, asset, *(f"{number:,}" for number in numbers), f"{size:,.1f}")
    return table
