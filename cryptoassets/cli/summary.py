"""What `run` says at its end: what is where, what was checked, what to try next."""

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from cryptoassets.cli.facts import store_counts
from cryptoassets.cli.run import Outcome


def print_summary(console: Console, outcome: Outcome) -> None:
    """Print counts by store, the checks and how to look at it all."""
    counts = store_counts()
    table = Table(title=f"Source of data: {outcome.source}", title_justify="left", box=None)
    for name, style in (("store", "bold"), ("what", ""), ("rows", "cyan"), ("newest", "dim")):
        table.add_column(name, style=style, justify="right" if name == "rows" else "left")
    for count in counts:
        table.add_row(count.store, count.name, f"{count.rows:,}", count.newest or "")
    console.print(table)
    console.print(
        f"Checks: {outcome.checks_passed} passed, {len(outcome.warnings)} warned, "
        f"{len(outcome.failures)} failed. {outcome.seconds:.0f} s in all."
    )
    for sentence in outcome.failures:
        console.print(f"[red]Failed:[/] {escape(sentence)}", soft_wrap=True)
    console.print(
        "\nTry next:\n"
        "  [bold]cryptoassets dev[/]      the lineage in Dagster, http://localhost:3000\n"
        "  [bold]cryptoassets status[/]   rows, freshness, checks, credits\n"
        "  [bold]cryptoassets audit[/]    prove that every raw document is in exactly one place\n"
        '  [bold]psql "$(cryptoassets env | sed -n s/^POSTGRES_URL=//p)"[/]   then\n'
        "      select rank, symbol, price_usd from marts.coin_latest order by rank limit 10;",
        soft_wrap=True,
    )
