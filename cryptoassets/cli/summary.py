"""What `run` says at its end: what is where, what was checked, what to try next."""

import shutil
from pathlib import Path

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from cryptoassets.assets.warehouse import FRESH_WITHIN
from cryptoassets.cli.facts import newest_price_age, store_counts
from cryptoassets.cli.run import Outcome
from cryptoassets.embedded.postgres_files import find_programs


def print_summary(console: Console, outcome: Outcome) -> None:
    """Print counts by store, the checks and how to look at it all."""
    table = Table(title=f"Source of data: {outcome.source}", title_justify="left", box=None)
    for name, style in (("store", "bold"), ("what", ""), ("rows", "cyan"), ("newest", "dim")):
        table.add_column(name, style=style, justify="right" if name == "rows" else "left")
    for count in store_counts():
        table.add_row(count.store, count.name, f"{count.rows:,}", count.newest or "")
    console.print(table)
    console.print(_freshness())
    console.print(
        f"Checks: {outcome.checks_passed} passed, {len(outcome.warnings)} warned, "
        f"{len(outcome.failures)} failed. {outcome.seconds:.0f} s in all."
    )
    for sentence in outcome.failures:
        console.print(f"[red]Failed:[/] {escape(sentence)}", soft_wrap=True)
    query = "select rank, symbol, price_usd from marts.coin_latest order by rank limit 10;"
    console.print(
        "\nTry next:\n"
        "  [bold]cryptoassets dev[/]      the lineage in Dagster, http://localhost:3000\n"
        "  [bold]cryptoassets status[/]   rows, freshness, checks, credits\n"
        "  [bold]cryptoassets audit[/]    prove that every raw document is in exactly one place\n"
        f'  [bold]{_psql()} "$(cryptoassets env | sed -n s/^POSTGRES_URL=//p)"[/]   then\n'
        f"      {query}",
        soft_wrap=True,
    )


def _freshness() -> str:
    """How old the newest price is, against what `warehouse/coin_prices` promises."""
    age, limit = newest_price_age(), FRESH_WITHIN
    if age is None:
        return "No price has been published yet."
    minutes, allowed = age.total_seconds() / 60, limit.total_seconds() / 60
    if age <= limit:
        return f"Freshness: the newest price is {minutes:.1f} min old; {allowed:.0f} are allowed."
    return (
        f"[yellow]Stale:[/] the newest price is {minutes:.0f} min old; {allowed:.0f} are allowed."
    )


def _psql() -> str:
    """`psql`, or where the embedded server's own lies."""
    if shutil.which("psql"):
        return "psql"
    bundled = find_programs() / "psql"
    here = Path.cwd()
    return str(bundled.relative_to(here) if bundled.is_relative_to(here) else bundled)
