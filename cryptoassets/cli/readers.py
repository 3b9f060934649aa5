"""The commands that only read: `sql` and `export`.

What goes here: their options and help texts, which `make reference` copies. What stays out: reading
(in `analysis`), the prompt (in `sql_prompt`), what is printed (in `query_output`).
"""

import sys
from pathlib import Path
from typing import Annotated, Literal, cast, get_args

import typer

from cryptoassets.cli.terminal import UnwrappedConsole, console

OutputFormat = Literal["table", "csv", "json"]
FileFormat = Literal["parquet", "csv", "duckdb", "xlsx"]


def _complete_output_format() -> list[str]:
    return list(get_args(OutputFormat))


def _complete_file_format() -> list[str]:
    return list(get_args(FileFormat))


def _complete_table(incomplete: str) -> list[str]:
    from cryptoassets.analysis.tables import OFFERED_TABLES

    has_schema = "." in incomplete
    return [table.full_name if has_schema else table.name for table in OFFERED_TABLES]


def sql(
    statement: Annotated[
        str | None,
        typer.Argument(metavar="SELECT ...", help="One query. Default: from a pipe or a prompt."),
    ] = None,
    output: Annotated[
        str,
        typer.Option(
            "--format",
            metavar="table|csv|json",
            help="Format of the result.",
            autocompletion=_complete_output_format,
        ),
    ] = "table",
) -> None:
    r"""Query PostgreSQL, read-only and without set-up: one statement, or a prompt with history.

    Logs in as the role `analyst`, which cannot write. Starts the embedded
    PostgreSQL if it is stopped. In table names, the schemas marts and warehouse may
    be left out.

    Without an argument, a statement is read from a pipe, or statements are typed at
    a prompt. There, end each statement with a semicolon; Ctrl-D ends the prompt.
    Instead of a statement, \d lists the tables, and \d TABLE lists a table's
    columns.

    The format table shows up to 1,000 rows; csv and json print all rows. In json,
    amounts are strings, so that no digit is lost.
    """
    if output not in get_args(OutputFormat):
        raise typer.BadParameter("--format must be table, csv or json")
    from cryptoassets.cli.query_output import print_query
    from cryptoassets.cli.sql_commands import is_command, run_command
    from cryptoassets.cli.sql_prompt import run_prompt

    chosen = cast("OutputFormat", output)
    if statement is None and not sys.stdin.isatty():
        statement = sys.stdin.read()
    # Rows are printed even with `--quiet`.
    rows = UnwrappedConsole(highlight=False)
    if statement is not None and is_command(statement.strip()):
        run_command(rows, statement, chosen)
        return
    _start_missing()
    if statement is None:
        run_prompt(rows, chosen)
    else:
        print_query(rows, statement, chosen)


def export(  # noqa: PLR0913, PLR0917 -- one per option of the command
    table: Annotated[
        str,
        typer.Argument(
            metavar="TABLE",
            help="Table or view, e.g. coin_daily.",
            autocompletion=_complete_table,
        ),
    ],
    output: Annotated[
        str,
        typer.Option(
            "--format",
            metavar="parquet|csv|duckdb|xlsx",
            help="Format of the file.",
            autocompletion=_complete_file_format,
        ),
    ] = "parquet",
    since: Annotated[
        str | None,
        typer.Option(metavar="TIME", help="Start, included: ISO date or time in --tz."),
    ] = None,
    until: Annotated[
        str | None,
        typer.Option(metavar="TIME", help="End, not included: ISO date or time in --tz."),
    ] = None,
    coins: Annotated[
        str | None, typer.Option(help="Coin ids, separated by commas. Default: all.")
    ] = None,
    currency: Annotated[
        str, typer.Option(help="Add amounts in this currency, e.g. EUR, where a rate is known.")
    ] = "USD",
    tz: Annotated[
        str, typer.Option("--tz", help="Time zone of times, e.g. Europe/Berlin.")
    ] = "UTC",
    out: Annotated[
        Path | None, typer.Option(help="File or folder. Default: ./TABLE.FORMAT.")
    ] = None,
    *,
    force: Annotated[bool, typer.Option("--force", help="Replace an existing file.")] = False,
) -> None:
    """Write a table to a file: Parquet, CSV, DuckDB or Excel.

    Reads as the role `analyst`, and starts the embedded PostgreSQL if it is
    stopped. The file appears when it is complete; an interrupted export leaves no
    file.

    Amounts keep all digits: Excel and CSV get them as strings. In these two formats, a
    string that begins with = + - or @ is prefixed with an apostrophe, so that a
    spreadsheet does not treat it as a formula.

    --since and --until apply to one column: the first of observed_at, day,
    start_at, gap_start, first_seen_at and some other times that the table has.
    """
    from cryptoassets.analysis.export import ExportRequest, export_table
    from cryptoassets.analysis.moments import zone_named
    from cryptoassets.analysis.selection import make_filter
    from cryptoassets.cli.query_output import print_export

    zone = zone_named(tz)
    ids = None if coins is None else [one.strip() for one in coins.split(",") if one.strip()]
    wanted = make_filter(ids, since, until, currency, zone)
    request = ExportRequest(table, wanted, cast("FileFormat", output), out, zone, overwrites=force)
    _start_missing()
    with console.status("Reading") as status:
        written = export_table(request, lambda rows: status.update(f"{rows:,} rows"))
    print_export(console, written)


def _start_missing() -> None:
    from cryptoassets.embedded import Stack
    from cryptoassets.settings import load_settings

    settings = load_settings()
    if settings.analyst_url is None and settings.postgres_url is None:
        with console.status("Starting the services that are not running"):
            Stack(settings, lambda sentence: console.print(f"  {sentence}.")).postgres_url()
