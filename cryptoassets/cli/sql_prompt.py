"""The prompt of `cryptoassets sql`.

What goes here: reading statements. What stays out: running statements (in `analysis`), printing
rows (in `query_output`), commands that are not SQL (in `sql_commands`).
"""

from prompt_toolkit import PromptSession
from prompt_toolkit.completion import WordCompleter
from prompt_toolkit.history import FileHistory
from rich.console import Console
from rich.markup import escape

from cryptoassets.cli.query_output import print_query
from cryptoassets.cli.sql_commands import HELP, is_command, run_command
from cryptoassets.errors import QueryError, StoreUnavailableError
from cryptoassets.schemas import POSTGRES_TABLES
from cryptoassets.settings import load_settings


def run_prompt(console: Console, output: str) -> None:
    r"""Read statements and print their rows until Ctrl-D or `\q`; each has its own connection."""
    home = load_settings().home
    home.mkdir(parents=True, exist_ok=True)
    names = [table.full_name for table in POSTGRES_TABLES]
    columns = {column for table in POSTGRES_TABLES for column in table.column_names}
    session: PromptSession[str] = PromptSession(
        history=FileHistory(str(home / "sql_history")),
        completer=WordCompleter([*names, *sorted(columns)], WORD=True),
        complete_while_typing=False,
    )
    console.print(HELP, markup=False)
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
        if text.rstrip("; ") in ("\\q", "exit", "quit"):
            return None
        if text.endswith(";") or is_command(text):
            return text
        if not text:
            lines = []


def _answer(console: Console, statement: str, output: str) -> None:
    try:
        if is_command(statement):
            run_command(console, statement, output)
        else:
            print_query(console, statement, output)
    except (QueryError, StoreUnavailableError) as error:
        console.print(f"[red]{escape(str(error))}[/]", soft_wrap=True)
    except KeyboardInterrupt:
        console.print("Cancelled.")
