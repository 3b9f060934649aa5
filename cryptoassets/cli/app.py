"""The commands with their options and their help, which `make reference` copies."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from typing import TYPE_CHECKING, Annotated

import typer

from cryptoassets.cli import servers
from cryptoassets.cli.terminal import FAILED, console, print_for_program

if TYPE_CHECKING:
    from cryptoassets.cli.render import ConsoleProgress

app = typer.Typer(
    name="cryptoassets",
    help="Crypto-market data: CoinCap to MongoDB to Spark to PostgreSQL, as Dagster assets.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


@app.callback()
def options(
    *,
    debug: Annotated[bool, typer.Option("--debug", help="Show the traceback of an error.")] = False,
) -> None:
    """Crypto-market data: CoinCap to MongoDB to Spark to PostgreSQL, as Dagster assets."""


@contextmanager
def _progress_with_java() -> Iterator["ConsoleProgress"]:
    """Start Java before anything large is imported, and show progress until the block ends."""
    from cryptoassets.resources.spark_jvm import prestarted_jvm

    with prestarted_jvm():
        from cryptoassets.cli.render import progress_on

        with progress_on(console) as progress:
            yield progress


@app.command()
def run(
    every: Annotated[
        float | None,
        typer.Option(
            min=1,
            metavar="SECONDS",
            help="Run micro-batches, one every so many seconds, until Ctrl-C.",
        ),
    ] = None,
) -> None:
    """Fetch, clean and publish the open hour once; starts what is missing, ends with a summary.

    Runs the jobs ingest, process and marts for now, with their checks. Exits with
    1 and names the asset or check if an asset, or a check of severity ERROR,
    failed.

    Also processes hours of any age that a killed run left unpublished or that
    late documents belong to, and computes stale marts: up to 24 hours and 28 days
    per run, newest first. The rest is listed.
    """
    if every is not None:
        from cryptoassets.resources.spark_jvm import prestarted_jvm

        with prestarted_jvm(is_long_lived=True):
            from cryptoassets.cli.loop import run_every

            raise typer.Exit(run_every(console, every))
    with _progress_with_java() as progress:
        from cryptoassets.operations.run import run_once

        outcome = run_once(progress)
    from cryptoassets.cli.summary import print_summary

    print_summary(console, outcome)
    raise typer.Exit(FAILED if outcome.failures else 0)


@app.command()
def backfill(
    since: Annotated[str, typer.Option("--from", help="ISO date or time, UTC; included.")],
    until: Annotated[
        str | None, typer.Option("--to", help="ISO date or time, UTC; not included. Default: now.")
    ] = None,
    *,
    gaps: Annotated[
        bool, typer.Option("--gaps", help="Only the gaps, which are fetched again.")
    ] = False,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Only say what it would fetch and cost.")
    ] = False,
) -> None:
    """Fetch history, clean and publish it; resumes where it was interrupted.

    Works on one week at a time, then computes the marts of the days that changed.
    """
    from cryptoassets.cli.render import print_backfill, print_estimate, progress_on
    from cryptoassets.operations.backfill_estimate import backfill_request, estimate_backfill

    asked = backfill_request(since, until, gaps_only=gaps)
    if dry_run:
        with progress_on(console) as progress:
            estimate = estimate_backfill(progress, asked)
        print_estimate(console, estimate)
        return
    with _progress_with_java() as progress:
        from cryptoassets.operations.backfill import run_backfill

        result = run_backfill(progress, asked)
    print_backfill(console, result)
    raise typer.Exit(FAILED if result.failures or result.stopped else 0)


for of_servers in (servers.dev, servers.up, servers.down, servers.env, servers.source):
    app.command()(of_servers)


@app.command()
def status(*, json: Annotated[bool, typer.Option("--json", help="For programs.")] = False) -> None:
    """Show last runs, rows, freshness, checks, what waits, credits and disk; starts nothing.

    Exits with 1 when the last run, or the last one of ingest, process or marts,
    failed or was killed, or when documents wait to be published. Marts that are
    older than their prices, and the source's clock, are shown, too.
    """
    from cryptoassets.cli.status_tables import as_json, print_status
    from cryptoassets.operations.status import read_status

    status = read_status()
    if json:
        print_for_program(as_json(status))
    else:
        print_status(console, status)
    raise typer.Exit(0 if status.is_healthy else FAILED)


@app.command()
def requeue(
    reason: Annotated[
        str | None, typer.Option(help="Only what broke this rule, or dead letters of this reason.")
    ] = None,
) -> None:
    """Judge quarantined documents, and read dead letters, by today's rules; publish what passes.

    The hours and days of these documents are judged whole; adjoining ones are one
    run. What passes is published and noted in warehouse.quarantine_releases. A
    dead letter that can be stored now becomes a raw document. A second run
    changes nothing.
    """
    from cryptoassets.cli.render import print_requeue

    with _progress_with_java() as progress:
        from cryptoassets.operations.requeue import requeue as judge_again

        result = judge_again(progress, reason)
    print_requeue(console, result)
    raise typer.Exit(FAILED if result.failures else 0)


_MOMENT = ["%Y-%m-%d", "%Y-%m-%dT%H:%M", "%Y-%m-%dT%H:%M:%S"]


@app.command()
def rebuild(
    since: Annotated[
        datetime | None,
        typer.Option("--from", formats=_MOMENT, help="First moment, UTC; left out: the first."),
    ] = None,
    until: Annotated[
        datetime | None,
        typer.Option("--to", formats=_MOMENT, help="First moment after, UTC; left out: now."),
    ] = None,
) -> None:
    """Rebuild PostgreSQL and the cleaned Parquet from raw alone, all of it or a time range.

    The result is the same to the byte; `audit` proves it. Each run takes up to 24
    hours or 7 days and judges them whole, whatever Parquet exists. A failure is
    reported and does not stop the rest, unless Java died. Stale marts are
    computed, too.
    """
    from cryptoassets.cli.render import print_rebuild

    with _progress_with_java() as progress:
        from cryptoassets.operations.rebuild import rebuild as make_again

        result = make_again(progress, since, until)
    print_rebuild(console, result)
    raise typer.Exit(FAILED if result.failures else 0)


@app.command()
def retention(
    *, dry_run: Annotated[bool, typer.Option("--dry-run", help="Delete nothing.")] = False
) -> None:
    """Delete what is older than CRYPTOASSETS_RETENTION_DAYS, and Dagster's old runs.

    Deletes from all stores. The age of Dagster's runs is
    DAGSTER_RUNS_RETENTION_DAYS.
    """
    from cryptoassets.cli.render import print_retention, progress_on
    from cryptoassets.operations.retention import apply_retention

    with progress_on(console) as progress:
        swept = apply_retention(progress, is_dry_run=dry_run)
    print_retention(console, swept, is_dry_run=dry_run)
    raise typer.Exit(FAILED if any(one.is_stuck for one in swept.candidates) else 0)


@app.command()
def audit(
    *,
    full: Annotated[
        bool, typer.Option("--full", help="Compare every document, whatever has not changed.")
    ] = False,
) -> None:
    """Compare all three stores; exit 1 and say what does not add up; starts nothing.

    Counts raw documents, reads Parquet and tables, and compares their checksums
    with those of the ledger. Compares documents one by one where a checksum
    differs or the ledger changed since the last audit. Stale marts are reported,
    too. A partition that was judged by older rules is a note with its remedy.
    """
    from cryptoassets.cli.render import print_audit, progress_on
    from cryptoassets.operations.audit import audit_stores
    from cryptoassets.settings import load_settings

    with progress_on(console) as progress:
        found = audit_stores(progress, is_full=full)
    print_audit(console, str(load_settings().home), found)
    raise typer.Exit(FAILED if found.problems else 0)
