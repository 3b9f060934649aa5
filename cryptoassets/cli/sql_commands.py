r"""The commands of `cryptoassets sql` that are not SQL: `\d`, `\d TABLE` and `help`.

What goes here: recognizing these commands and printing their answers, which need no server. What
stays out: the prompt (in `sql_prompt`), the rows of a query (in `query_output`).
"""

import pyarrow as pa
from rich.console import Console
from rich.markup import escape
from rich.table import Table as ScreenTable

from cryptoassets.analysis.query import Rows
from cryptoassets.cli.query_output import print_rows
from cryptoassets.errors import QueryError
from cryptoassets.schemas import POSTGRES_TABLES

HELP = (
    r"Read-only. \d lists tables, \d TABLE its columns, help shows this, \q ends the prompt; "
    "end a statement with ;"
)


def is_command(text: str) -> bool:
    """Return whether this is a command of the prompt and not SQL; a semicolon may follow it."""
    return text.startswith("\\") or _without_end(text) == "help"


def run_command(console: Console, text: str, output: str) -> None:
    """Print the answer to a command.

    Raises:
        QueryError: there is no such command or table.
    """
    command = _without_end(text)
    if command in ("help", "\\?", "\\h"):
        console.print(HELP, markup=False)
        return
    lines = _description(command)
    if output != "table":
        rows = pa.RecordBatch.from_pylist(lines)
        print_rows(console, Rows(rows.schema, iter([rows]), frozenset()), output)
        return
    shown = ScreenTable(box=None, show_header=False, pad_edge=False)
    for line in lines:
        shown.add_row(*map(escape, line.values()))
    console.print(shown)


def _description(command: str) -> list[dict[str, str]]:
    word, _, name = command.partition(" ")
    name = name.strip()
    found = [one for one in POSTGRES_TABLES if name in ("", one.name, one.full_name)]
    if word not in ("\\d", "\\dt") or not found:
        raise QueryError(f"Unknown command or table: {command}. {HELP}")
    if not name:
        return [{"table": table.full_name, "comment": table.comment} for table in found]
    return [
        {"column": column.name, "type": column.type, "comment": column.comment}
        for table in found
        for column in table.columns
    ]


def _without_end(text: str) -> str:
    return text.strip().rstrip(";").strip()
