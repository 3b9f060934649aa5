"""The summary at the end of `run`: rows in each store, the checks, and what to try next."""

import shutil
import sys
from datetime import datetime
from pathlib import Path

from rich.console import Console, JustifyMethod
from rich.markup import escape
from rich.table import Table

from cryptoassets.cli.render import print_freshness
from cryptoassets.errors import CryptoassetsError
from cryptoassets.extras import EXTRAS, is_installed
from cryptoassets.operations.freshness import read_freshness
from cryptoassets.operations.runs import Outcome
from cryptoassets.operations.session import open_stores
from cryptoassets.operations.store_counts import StoreCount, store_counts
from cryptoassets.operations.top_price import read_top_price
from cryptoassets.operations.tour_home import is_tour_home
from cryptoassets.schemas import COIN_PRICES
from cryptoassets.schemas.flows.snapshots import FRESH_WITHIN
from cryptoassets.settings import load_settings

_CAPTION = (
    "Counts of published tables are read from the ledger and do not include weekly candles; "
    "`audit` checks that the rows exist."
)
_PAGES = {
    "dashboard": ("dashboard", "market, coins and pipeline", "http://localhost:8501"),
    "dagster": ("dev", "the lineage in Dagster", "http://localhost:3000"),
}
"""Maps a name in CRYPTOASSETS_PAGES to the page's command, purpose and default address."""


def print_summary(console: Console, outcome: Outcome) -> None:
    """Print the row counts by store, the checks, and commands that show the data."""
    try:
        with open_stores() as stores:
            console.print(_counts(outcome.source, store_counts(stores)))
            console.print(_CAPTION, style="dim italic")
            with stores.postgres.connect() as connection:
                freshness = read_freshness(connection, COIN_PRICES, FRESH_WITHIN)
                price = read_top_price(connection)
            print_freshness(console, freshness)
            if price:
                console.print(escape(str(price)), soft_wrap=True)
    except CryptoassetsError as error:
        console.print(f"The rows could not be counted: {escape(str(error))}", soft_wrap=True)
    console.print(
        f"Checks: {outcome.checks_passed} passed, {len(outcome.warnings)} warned, "
        f"{len(outcome.failures)} failed. {outcome.seconds:.0f} s in total."
    )
    for sentence in outcome.failures:
        console.print(f"[red]Failed:[/] {escape(sentence)}", soft_wrap=True)
    command = _command_name()
    if outcome.failures:
        place, _ = _page(command, "dagster")
        console.print(f"\nTo find the cause: [bold]{place}[/] shows the runs in Dagster.")
    elif outcome.is_first and not is_tour_home(load_settings().home):
        _print_next_steps(console, command)


def _print_next_steps(console: Console, command: str) -> None:
    """Print what a new user can do now, without commands whose extra is not installed."""
    pages = load_settings().pages
    steps = [
        *(
            _page(command, name)
            for name in _PAGES
            if name in pages or name not in EXTRAS or is_installed(name)
        ),
        (f"{command} status", "rows, freshness, checks, credits"),
        (f"{command} audit", "check that every raw document is in exactly one place"),
    ]
    width = max(len(step) for step, _ in steps)
    console.print("\nTry next:")
    for step, purpose in steps:
        console.print(f"  [bold]{step:{width}}[/]  {purpose}", soft_wrap=True)
    query = "select rank, symbol, price_usd from coin_latest order by rank limit 10"
    console.print(f'  [bold]{command} sql[/] "{query}"', soft_wrap=True)


def _page(command: str, name: str) -> tuple[str, str]:
    """Return where to find a page, and what it shows.

    A page is found at its address in CRYPTOASSETS_PAGES, which Docker Compose sets. If the setting
    does not contain the page, the command that serves it is returned.
    """
    verb, purpose, address = _PAGES[name]
    served = load_settings().pages.get(name)
    return (served[0], purpose) if served else (f"{command} {verb}", f"{purpose}, {address}")


def _counts(source: str, counts: list[StoreCount]) -> Table:
    table = Table(title=f"Source of data: {source}", title_justify="left", box=None)
    for name, style in (("store", "bold"), ("what", ""), ("rows", "cyan"), ("newest", "dim")):
        justify: JustifyMethod = "right" if name == "rows" else "left"
        table.add_column(name, style=style, justify=justify, overflow="fold")
    for count in counts:
        table.add_row(count.store, count.name, f"{count.rows:,}", _shown(count.newest))
    return table


def _shown(newest: str | None) -> str:
    """Format an ISO time for people; a date stays as it is."""
    if newest is None or "T" not in newest:
        return newest or ""
    return f"{datetime.fromisoformat(newest):%Y-%m-%d %H:%M:%S} UTC"


def _command_name() -> str:
    """Return `cryptoassets` if it is on PATH, else the path with which the command was called."""
    return "cryptoassets" if shutil.which("cryptoassets") else _from_here(Path(sys.argv[0]))


def _from_here(path: Path) -> str:
    here = Path.cwd()
    return str(path.relative_to(here) if path.is_relative_to(here) else path)
