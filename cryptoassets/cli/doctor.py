"""The command `doctor`: its options, and what it prints.

What stays out: what it finds (in `operations.doctor`).
"""

import sys
from dataclasses import asdict
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console
from rich.containers import Lines
from rich.markup import escape
from rich.text import Text

from cryptoassets.cli.json_output import JsonOption, print_json
from cryptoassets.cli.terminal import FAILED, console, errors, for_attention
from cryptoassets.errors import SettingsError

if TYPE_CHECKING:
    from collections.abc import Iterable

    from cryptoassets.operations.doctor.findings import Finding

_MARKS = {"ok": "[green]✓[/]", "warning": "[yellow]![/]", "problem": "[red]✗[/]"}
_NAME_COLUMNS = len("CRYPTOASSETS_HOME")
_INDENT = " " * (_NAME_COLUMNS + 3)


def doctor(
    context: typer.Context,
    *,
    live: Annotated[
        bool, typer.Option("--live", help="Also test the source: three calls, at most 30 credits.")
    ] = False,
    yes: Annotated[
        bool, typer.Option("--yes", "-y", help="With --live: do not ask before the calls.")
    ] = False,
    json: JsonOption = False,
) -> None:
    """Show what is installed, what would stop a run, and the remedies; starts nothing.

    The output contains no secrets, so it can be pasted into a bug report. Exits
    with 1 if something would stop a run.

    --live needs COINCAP_API_KEY. It shows what its calls to CoinCap cost, asks for
    confirmation, judges the responses by the current rules, and records them
    without the key.
    """
    from cryptoassets.operations.doctor.report import Report, examine

    report = examine(context.obj or ())
    if not json:
        print_findings(console, report.findings)
    if live:
        found = _try_source(asks=not yes)
        report = Report([*report.findings, *found])
        if not json:
            print_findings(console, found)
    if json:
        print_json({"is_ready": report.is_ready, **asdict(report)})
    elif report.is_ready:
        console.print("Nothing would stop a run.")
    else:
        for_attention(console).print(f"{report.problems} of these would stop a run.")
    raise typer.Exit(0 if report.is_ready else FAILED)


def _try_source(*, asks: bool) -> "list[Finding]":
    """Ask for confirmation, then test the source.

    Raises:
        SettingsError: no key is set, or nobody can be asked because stdin is not a terminal.
    """
    from cryptoassets.operations.doctor.live import plan, try_source
    from cryptoassets.settings import load_settings

    settings = load_settings()
    planned = plan(settings)
    words = (
        f"Three calls to {planned.url} cost about {planned.credits} CoinCap credits, at most "
        f"{planned.most_credits}."
    )
    if asks and not sys.stdin.isatty():
        raise SettingsError(f"{words} No call was made; to agree, add --yes")
    errors.print(words, soft_wrap=True)
    if asks:
        typer.confirm("Make these calls?", abort=True, err=True)
    folder = settings.home / "recordings" / f"{datetime.now(UTC):%Y-%m-%dT%H%M%S}"
    return try_source(settings, folder)


def print_findings(console: Console, findings: "Iterable[Finding]") -> None:
    """Print findings, each with its remedy below; with `--quiet`, leave out those at level "ok"."""
    shown = for_attention(console)
    for one in findings:
        if console.quiet and one.level == "ok":
            continue
        start = f"{_MARKS[one.level]} [bold]{escape(one.name):<{_NAME_COLUMNS}}[/] "
        for number, line in enumerate(_lines(shown, one.found)):
            shown.print(start if number == 0 else _INDENT, line, sep="", soft_wrap=True)
        for line in _lines(shown, one.remedy):
            shown.print(_INDENT, line, sep="", style="cyan", soft_wrap=True)


def _lines(console: Console, words: str) -> Lines:
    return Text(words).wrap(console, max(20, console.width - len(_INDENT))) if words else Lines()
