"""The command `backfill`: its options, and which result is printed."""

from typing import Annotated

import typer

from cryptoassets.cli.java_progress import progress_with_java
from cryptoassets.cli.json_output import JsonOption, print_json, progress_console
from cryptoassets.cli.terminal import FAILED, console


def backfill(
    since: Annotated[
        str | None,
        typer.Option(
            "--from",
            metavar="TIME",
            help="Start, included: ISO date or time, UTC. With --gaps, the default is "
            "CRYPTOASSETS_SINCE; otherwise required.",
        ),
    ] = None,
    until: Annotated[
        str | None,
        typer.Option(
            "--to", metavar="TIME", help="End, not included: ISO date or time, UTC. Default: now."
        ),
    ] = None,
    *,
    gaps: Annotated[
        bool, typer.Option("--gaps", help="Fetch only gaps that earlier fetches left.")
    ] = False,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Fetch nothing; only show the calls and their cost.")
    ] = False,
    json: JsonOption = False,
) -> None:
    """Fetch, clean and publish price history; resumes where an earlier backfill was interrupted.

    Works on one week at a time, then computes the marts of the days that changed.
    """
    from cryptoassets.cli.json_output import backfill_json, estimate_json
    from cryptoassets.cli.render import print_backfill, print_estimate, progress_on
    from cryptoassets.operations.backfill_estimate import backfill_request, estimate_backfill

    asked = backfill_request(since, until, gaps_only=gaps)
    if dry_run:
        with progress_on(progress_console(is_json=json)) as progress:
            estimate = estimate_backfill(progress, asked)
        print_json(estimate_json(estimate)) if json else print_estimate(console, estimate)
        return
    with progress_with_java(is_json=json) as progress:
        from cryptoassets.operations.backfill import run_backfill

        result = run_backfill(progress, asked)
    print_json(backfill_json(result)) if json else print_backfill(console, result)
    raise typer.Exit(FAILED if result.failures or result.stopped else 0)
