"""`sql` and `export` as a user sees them."""

import csv
import io
import json
import sys
from pathlib import Path

import pytest
from prompt_toolkit.application import create_app_session
from prompt_toolkit.input import create_pipe_input
from prompt_toolkit.output import DummyOutput
from rich.console import Console

from cryptoassets.cli import main
from cryptoassets.cli.query_output import printable
from cryptoassets.cli.sql_commands import HELP
from cryptoassets.cli.sql_prompt import run_prompt
from cryptoassets_tests.analysis.conftest import market, market_url

__all__ = ["market", "market_url"]

pytestmark = [pytest.mark.postgres, pytest.mark.usefixtures("market")]

QUERY = "SELECT symbol, max_supply, first_seen_at FROM coins ORDER BY rank LIMIT 2"


def command(monkeypatch: pytest.MonkeyPatch, *arguments: str) -> int:
    """Run the command in this process; return its exit code."""
    monkeypatch.setattr(sys, "argv", ["cryptoassets", *arguments])
    try:
        main()
    except SystemExit as end:
        return int(end.code or 0)
    return 0


def test_a_table_shows_every_digit(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """A narrow terminal must not truncate numbers."""
    monkeypatch.setenv("COLUMNS", "20")

    assert 0 == command(monkeypatch, "sql", QUERY)

    assert [
        " symbol |                  max_supply | first_seen_at",
        "--------+-----------------------------+----------------------------------",
        " BTC    | 21000000.000000000000000000 | 2026-08-26T00:00:00.000000+00:00",
        " ETH    |                             | 2026-08-26T00:00:00.000000+00:00",
        "(2 rows)",
    ] == capsys.readouterr().out.splitlines()


def test_csv_and_json_are_exact_and_can_be_read_by_programs(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Most languages read JSON numbers as doubles, so amounts are written as strings."""
    command(monkeypatch, "sql", "--format", "json", QUERY)
    rows = json.loads(capsys.readouterr().out)
    command(monkeypatch, "sql", "--format", "csv", QUERY)
    lines = list(csv.DictReader(io.StringIO(capsys.readouterr().out)))

    assert ("BTC", "21000000.000000000000000000") == (rows[0]["symbol"], rows[0]["max_supply"])
    assert rows[1]["max_supply"] is None
    assert [row | {"max_supply": row["max_supply"] or ""} for row in rows] == lines


@pytest.mark.parametrize(("output", "shown"), [("csv", '"symbol"\n'), ("json", "[]\n")])
def test_an_empty_result_is_still_valid_csv_or_json(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], output: str, shown: str
) -> None:
    """A program that reads the output must not fail, as it would with an empty file."""
    command(monkeypatch, "sql", "--format", output, "SELECT symbol FROM coins WHERE false")

    assert shown == capsys.readouterr().out


def test_a_statement_can_come_from_a_pipe(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Users can type `cryptoassets sql < query.sql`."""
    monkeypatch.setattr(sys, "stdin", io.StringIO("SHOW statement_timeout;\n"))

    assert 0 == command(monkeypatch, "sql")

    assert "10min" in capsys.readouterr().out


@pytest.mark.parametrize("is_piped", [False, True])
def test_tables_and_columns_are_listed_without_a_prompt(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], *, is_piped: bool
) -> None:
    r"""An error message about an unknown table suggests `cryptoassets sql '\d'`."""

    def shown(text: str, *options: str) -> str:
        monkeypatch.setattr(sys, "stdin", io.StringIO(f"{text}\n"))
        assert 0 == command(monkeypatch, "sql", *options, *([] if is_piped else [text]))
        return capsys.readouterr().out

    assert "marts.coin_daily  " in shown("\\d")
    assert "CoinCap's slug of the coin" in shown("\\d coins")
    listed = {line["table"] for line in json.loads(shown("\\d", "--format", "json"))}
    assert "marts.coin_latest" in listed
    assert shown("\\d coins;", "--format", "csv").startswith('"column","type","comment"\n')


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (["sql", "DELETE FROM coins"], 1, "`cryptoassets sql` and `ca.sql` are read-only"),
        (["sql", "SELECT 1; SELECT 2"], 1, "Only one statement at a time"),
        (["sql", "\\d nowhere"], 1, r"Unknown command or table: \d nowhere. Read-only. \d lists"),
        (["export", "coins", "--coins", "etherum"], 2, "'etherum'. Did you mean ethereum?"),
        (["sql", "--format", "xml", "SELECT 1"], 2, "must be table, csv or json"),
        (["export", "coins", "--tz", "Mars"], 2, "'Mars' is not a time zone"),
        (["export", "coins", "--since", "soon"], 2, "'soon' is not a date or time"),
    ],
)
def test_misuse_is_reported_in_one_sentence(
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    arguments: list[str],
    code: int,
    words: str,
) -> None:
    """No traceback is printed."""
    assert code == command(monkeypatch, *arguments)

    shown = capsys.readouterr().err
    assert words in " ".join(shown.replace("│", " ").split())
    assert "Traceback" not in shown


def test_an_export_prints_what_it_wrote(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    """The output contains the path and the number of rows, e.g. for a log."""
    arguments = ["--coins", "bitcoin, ethereum", "--format", "csv", "--out", str(tmp_path)]

    assert 0 == command(monkeypatch, "export", "coin_prices", *arguments)

    assert f"{tmp_path}/coin_prices.csv: 96 rows." in capsys.readouterr().out


def test_the_prompt_keeps_a_history_and_survives_errors(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """A typo must not end the session."""
    monkeypatch.setenv("CRYPTOASSETS_HOME", str(tmp_path))
    screen = io.StringIO()
    typed = "\\d coins\rselect nothing;\rselect symbol\rfrom coins where rank = 1;\r\\q\r"
    with create_pipe_input() as keys, create_app_session(input=keys, output=DummyOutput()):
        keys.send_text(typed)
        run_prompt(Console(file=screen, width=200), "table")

    shown = screen.getvalue()
    assert "CoinCap's slug of the coin" in shown
    assert 'column "nothing" does not exist' in shown
    assert " BTC\n(1 row)" in shown
    assert "+select nothing;" in (tmp_path / "sql_history").read_text()


@pytest.mark.parametrize("typed", ["help", "help;", "\\?"])
def test_help_at_the_prompt_shows_what_can_be_typed(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, typed: str
) -> None:
    """`help` is not taken for the first line of a statement."""
    monkeypatch.setenv("CRYPTOASSETS_HOME", str(tmp_path))
    screen = io.StringIO()
    with create_pipe_input() as keys, create_app_session(input=keys, output=DummyOutput()):
        keys.send_text(f"{typed}\rquit;\r")
        run_prompt(Console(file=screen, width=200), "table")

    assert [HELP, HELP] == screen.getvalue().splitlines()


def test_a_coin_name_cannot_control_the_terminal() -> None:
    """A coin's name may contain escape sequences, which are printed in escaped form."""
    assert r"\x1b[31mred\n" == printable("\x1b[31mred\n")
