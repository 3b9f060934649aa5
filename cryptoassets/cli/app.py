"""The commands with their options and help texts, which `make reference` copies to the docs."""

from datetime import datetime
from functools import partial
from importlib.metadata import version
from inspect import cleandoc
from typing import Annotated

import typer

from cryptoassets.cli import backfill, doctor, monitoring, readers, servers, tour
from cryptoassets.cli.java_progress import progress_with_java
from cryptoassets.cli.json_output import JsonOption, print_json, progress_console
from cryptoassets.cli.terminal import FAILED, console, print_for_program

app = typer.Typer(
    name="cryptoassets",
    help="Crypto-market data: CoinCap to MongoDB to Spark to PostgreSQL, as Dagster assets.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    # Typer's frames cut long names in a narrow terminal.
    rich_markup_mode=None,
    context_settings={"help_option_names": ["-h", "--help"]},
)


_moment = partial(
    typer.Option, metavar="TIME", formats=["%Y-%m-%d", "%Y-%m-%dT%H:%M", "%Y-%m-%dT%H:%M:%S"]
)


def _print_version(is_asked: bool) -> None:  # noqa: FBT001 -- the signature of a callback
    if is_asked:
        print_for_program(f"cryptoassets {version('cryptoassets')}")
        raise typer.Exit


@app.callback()
def options(
    *,
    version: Annotated[
        bool,
        typer.Option(
            "--version", callback=_print_version, is_eager=True, help="Print the version and exit."
        ),
    ] = False,
    quiet: Annotated[
        bool, typer.Option("--quiet", "-q", help="Print only warnings and failures, to stderr.")
    ] = False,
    debug: Annotated[bool, typer.Option("--debug", help="Show the traceback of an error.")] = False,
) -> None:
    """Crypto-market data: CoinCap to MongoDB to Spark to PostgreSQL, as Dagster assets."""


@app.command()
def run(
    every: Annotated[
        float | None,
        typer.Option(
            min=1,
            metavar="SECONDS",
            help="Run in micro-batches, one every SECONDS, until Ctrl-C.",
        ),
    ] = None,
    *,
    json: JsonOption = False,
) -> None:
    """Fetch, clean and publish the current hour once; starts services that are not running.

    Runs the jobs ingest, process and marts with their checks, and prints a summary.
    If an asset or a check of severity ERROR fails, the command names it and exits
    with 1.

    Also processes up to 24 hours, and 24 days of history, that have unpublished
    documents, e.g. because a run was killed or documents arrived late, and computes
    the stale marts of up to 28 days. Further hours and days are listed.
    """
    if every is not None:
        from cryptoassets.resources.spark_jvm import prestarted_jvm

        with prestarted_jvm(is_long_lived=True):
            from cryptoassets.operations.memory import limit_memory

            limit_memory()
            from cryptoassets.cli.loop import run_every

            raise typer.Exit(run_every(console, every, is_json=json))
    with progress_with_java(is_json=json) as progress:
        from cryptoassets.operations.run import run_once

        outcome = run_once(progress)
    if json:
        from cryptoassets.cli.json_output import run_json

        print_json(run_json(outcome))
    else:
        from cryptoassets.cli.summary import print_summary

        print_summary(console, outcome)
    raise typer.Exit(FAILED if outcome.failures else 0)


app.command()(backfill.backfill)
for command in (
    servers.dev,
    servers.dashboard,
    servers.up,
    servers.down,
    servers.env,
    servers.source,
):
    app.command()(command)
# Options after the first argument belong to Airflow's command.
app.command(context_settings={"allow_interspersed_args": False})(servers.airflow)
app.command()(tour.tour)
app.command()(doctor.doctor)
app.command()(readers.sql)
app.command()(readers.export)
app.add_typer(monitoring.alerts)
app.command()(monitoring.metrics)


@app.command()
def status(*, json: JsonOption = False) -> None:
    """Show runs, rows, freshness, checks, unpublished documents, credits and disk; starts nothing.

    Exits with 1 if documents are not published yet, or if the last run, or the last
    run of ingest, process or marts, failed or was killed. Also warns about marts
    that are older than their prices, and about a large difference between the
    source's clock and this machine's.
    """
    from dataclasses import asdict

    from cryptoassets.cli.status_tables import print_status
    from cryptoassets.operations.status import read_status

    status = read_status()
    print_json(asdict(status)) if json else print_status(console, status)
    raise typer.Exit(0 if status.is_healthy else FAILED)


@app.command()
def requeue(
    reason: Annotated[
        str | None,
        typer.Option(help="Only documents that broke this rule, or dead letters with this code."),
    ] = None,
) -> None:
    """Judge quarantined documents and dead letters by the current rules; publish what passes.

    All documents of the same hours and days are judged again; one run processes
    consecutive hours or days together. Documents that pass are published and
    recorded in warehouse.quarantine_releases. A dead letter that can be stored now
    becomes a raw document. Repeating the command changes nothing.
    """
    from cryptoassets.cli.render import print_requeue

    with progress_with_java() as progress:
        from cryptoassets.operations.requeue import requeue as requeue_documents

        result = requeue_documents(progress, reason)
    print_requeue(console, result)
    raise typer.Exit(FAILED if result.failures else 0)


@app.command()
def rebuild(
    since: Annotated[
        datetime | None,
        _moment(
            "--from", help="Start, included: ISO date or time, UTC. Default: the first document."
        ),
    ] = None,
    until: Annotated[
        datetime | None,
        _moment("--to", help="End, not included: ISO date or time, UTC. Default: now."),
    ] = None,
) -> None:
    """Rebuild PostgreSQL and the cleaned Parquet from raw documents alone, entirely or for a range.

    With unchanged rules, the rebuilt rows equal the earlier ones byte for byte;
    `audit` checks the result. Each run processes up to 24 hours or 7 days and
    ignores existing Parquet. A partition that fails is reported and does not stop
    the others, unless Java has ended. Stale marts are computed, too.
    """
    from cryptoassets.cli.render import print_rebuild

    with progress_with_java() as progress:
        from cryptoassets.operations.rebuild import rebuild as rebuild_partitions

        result = rebuild_partitions(progress, since, until)
    print_rebuild(console, result)
    raise typer.Exit(FAILED if result.failures else 0)


@app.command()
def retention(
    *,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Only show what would be deleted.")
    ] = False,
    json: JsonOption = False,
) -> None:
    """Delete data older than CRYPTOASSETS_RETENTION_DAYS, and Dagster's old runs.

    Deletes data from all stores, and Dagster's runs that are older than
    DAGSTER_RUNS_RETENTION_DAYS.
    """
    from cryptoassets.cli.json_output import retention_json
    from cryptoassets.cli.render import print_retention, progress_on
    from cryptoassets.operations.retention import apply_retention

    with progress_on(progress_console(is_json=json)) as progress:
        result = apply_retention(progress, is_dry_run=dry_run)
    if json:
        print_json(retention_json(result, is_dry_run=dry_run))
    else:
        print_retention(console, result, is_dry_run=dry_run)
    raise typer.Exit(FAILED if any(one.is_stuck for one in result.candidates) else 0)


@app.command()
def audit(
    *,
    full: Annotated[
        bool, typer.Option("--full", help="Compare every document, even if nothing has changed.")
    ] = False,
    json: JsonOption = False,
) -> None:
    """Compare all three stores, report differences, exit with 1 if there are any; starts nothing.

    Counts raw documents, reads Parquet and tables, and compares their checksums
    with those in the ledger. Compares documents one by one where a checksum differs
    or the ledger has changed since the last audit. Stale marts are reported, too.
    Partitions that were judged by older rules are listed with the command that
    judges them again.
    """
    from cryptoassets.cli.json_output import audit_json
    from cryptoassets.cli.render import print_audit, progress_on
    from cryptoassets.operations.audit import audit_stores
    from cryptoassets.settings import load_settings

    with progress_on(progress_console(is_json=json)) as progress:
        found = audit_stores(progress, is_full=full)
    home = str(load_settings().home)
    print_json(audit_json(home, found)) if json else print_audit(console, home, found)
    raise typer.Exit(FAILED if found.problems else 0)


# `--help` lists each command with its whole first paragraph, however narrow the terminal is.
for registered in app.registered_commands:
    registered.short_help = cleandoc(registered.callback.__doc__ or "").split("\n\n")[0]
