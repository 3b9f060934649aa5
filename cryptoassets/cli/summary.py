"""The summary that `run` ends with: what each store holds, the checks, and what to try next."""

import contextlib
import shutil
import sys
from datetime import timedelta
from pathlib import Path

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from cryptoassets.assets.warehouse import FRESH_WITHIN
from cryptoassets.embedded.postgres_files import find_programs
from cryptoassets.errors import CryptoassetsError, EmbeddedError
from cryptoassets.operations.runs import Outcome
from cryptoassets.operations.session import open_stores
from cryptoassets.operations.store_counts import StoreCount, newest_price_age, store_counts


def print_summary(console: Console, outcome: Outcome) -> None:
    """Print counts by store, the checks and how to look at it all."""
    try:
        with open_stores() as stores:
            console.print(_counts(outcome.source, store_counts(stores)))
            console.print(_freshness(newest_price_age(stores.postgres)))
    except CryptoassetsError as error:
        console.print(f"The stores could not be counted: {escape(str(error))}", soft_wrap=True)
    console.print(
        f"Checks: {outcome.checks_passed} passed, {len(outcome.warnings)} warned, "
        f"{len(outcome.failures)} failed. {outcome.seconds:.0f} s in all."
    )
    for sentence in outcome.failures:
        console.print(f"[red]Failed:[/] {escape(sentence)}", soft_wrap=True)
    command = _how_called()
    if outcome.failures:
        console.print(f"\nLook closer: [bold]{command} dev[/] shows the runs in Dagster.")
        return
    query = "select rank, symbol, price_usd from marts.coin_latest order by rank limit 10;"
    console.print(
        "\nTry next:\n"
        f"  [bold]{command} dev[/]      the lineage in Dagster, http://localhost:3000\n"
        f"  [bold]{command} status[/]   rows, freshness, checks, credits\n"
        f"  [bold]{command} audit[/]    prove that every raw document is in exactly one place\n"
        f'  [bold]eval "$({command} env)"; {_psql()} "$POSTGRES_URL"[/]   then\n'
        f"      {query}",
        soft_wrap=True,
    )


def _counts(source: str, counts: list[StoreCount]) -> Table:
    table = Table(title=f"Source of data: {source}", title_justify="left", box=None)
    for name, style in (("store", "bold"), ("what", ""), ("rows", "cyan"), ("newest", "dim")):
        table.add_column(name, style=style, justify="right" if name == "rows" else "left")
    for count in counts:
        table.add_row(count.store, count.name, f"{count.rows:,}", count.newest or "")
    table.caption = "Rows of published tables by the ledger; `audit` proves that they are there."
    table.caption_justify = "left"
    return table


def _how_called() -> str:
    """`cryptoassets` where that is on PATH, else the path by which it was called."""
    return "cryptoassets" if shutil.which("cryptoassets") else _from_here(Path(sys.argv[0]))


def _from_here(path: Path) -> str:
    here = Path.cwd()
    return str(path.relative_to(here) if path.is_relative_to(here) else path)


def _freshness(age: timedelta | None) -> str:
    """How old the newest price is, and how old `warehouse/coin_prices` allows it to be."""
    limit = FRESH_WITHIN
    if age is None:
        return "No price has been published yet."
    minutes, allowed = age.total_seconds() / 60, limit.total_seconds() / 60
    if age <= limit:
        return f"Freshness: the newest price is {minutes:.1f} min old; {allowed:.0f} are allowed."
    return (
        f"[yellow]Stale:[/] the newest price is {minutes:.0f} min old; {allowed:.0f} are allowed."
    )


def _psql() -> str:
    """`psql`, or the path of the embedded server's."""
    if not shutil.which("psql"):
        # Where PostgreSQL runs elsewhere there may be none, as in a container.
        with contextlib.suppress(EmbeddedError):
            return _from_here(find_programs() / "psql")
    return "psql"
