"""The prompt of `cryptoassets sql`.

What goes here: reading statements, and the commands that begin with a backslash. What stays out:
running statements (in `analysis`), printing rows (in `query_output`).
"""

from prompt_toolkit import PromptSession
from prompt_toolkit.completion import WordCompleter
from prompt_toolkit.history import FileHistory
from rich.console import Console
from rich.markup import escape
from rich.table import Table as ScreenTable

from cryptoassets.cli.query_output import print_query
from cryptoassets.errors import QueryError, StoreUnavailableError
from cryptoassets.schemas import POSTGRES_TABLES
from cryptoassets.settings import load_settings


def run_prompt(console: Console, output: str) -> None:
    r"""Read statements and print their rows until Ctrl-D or `\q`, each on its own connection."""
    home = load_settings().home
    home.mkdir(parents=True, exist_ok=True)
    names = [table.full_name for table in POSTGRES_TABLES]
    columns = {column for table in POSTGRES_TABLES for column in table.column_names}
    session: PromptSession[str] = PromptSession(
        history=FileHistory(str(home / "sql_history")),
        completer=WordCompleter([*names, *sorted(columns)], WORD=True),
        complete_while_typing=False,
    )
    console.print("Read-only. \\d lists tables, \\d TABLE its columns; end a statement with ;")
    while (statement := _next_statement(session)) is not None:
        _answer(console, statement, output)


def _next_statement(session: PromptSession[str]) -> str | None:
    lines: list[str] = []
    while True:
        try:
            lines.append(session.prompt("... > " if lines else "sql > "))
        except KeyboardInterrupt:
            lines = []
            continue
        except EOFError:
            return None
        text = "\n".join(lines).strip()
        if text in ("\\q", "exit", "quit"):
            return None
        if text.endswith(";") or text.startswith("\\"):
            return text
        if not text:
            lines = []


def _answer(console: Console, statement: str, output: str) -> None:
    try:
        if statement.startswith("\\"):
            _describe(console, statement)
        else:
            print_query(console, statement, output)
    except (QueryError, StoreUnavailableError) as error:
        console.print(f"[red]{escape(str(error))}[/]", soft_wrap=True)
    except KeyboardInterrupt:
        console.print("Cancelled.")


def _describe(console: Console, command: str) -> None:
    word, _, name = command.rstrip(";").partition(" ")
    found = [one for one in POSTGRES_TABLES if name.strip() in ("", one.name, one.full_name)]
    if word not in ("\\d", "\\dt") or not found:
        console.print("Unknown command or table. Known commands: \\d, \\d TABLE and \\q.")
        return
    shown = ScreenTable(box=None, show_header=False, pad_edge=False)
    for table in found:
        if not name.strip():
            shown.add_row(table.full_name, escape(table.comment))
            continue
        for column in table.columns:
            shown.add_row(column.name, escape(column.type), escape(column.comment))
    console.print(shown)
