"""Output can be printed on any stream, and a shell reads printed paths byte for byte."""

import io
import os
import subprocess
import sys

import pytest
from rich.console import Console

from cryptoassets.cli.terminal import UnwrappedConsole, table_of

PRINT = """
from cryptoassets.cli.terminal import console, errors, print_for_shell, print_on_any_stream
print_on_any_stream()
console.print("✓ Doge 🐕 ✗ é")
print_for_shell("HOME='/data/é'")
errors.print("↻ \\udcff")
"""


@pytest.mark.parametrize(
    ("encoding", "line"),
    [("ascii", r"+ Doge \U0001f415 x \xe9"), ("latin-1", "+ Doge \\U0001f415 x é")],
)
def test_a_stream_that_lacks_a_character_gets_plain_text(encoding: str, line: str) -> None:
    """Printing a tick to cron, a pipe or an old terminal must not raise an error."""
    printed = subprocess.run(
        [sys.executable, "-c", PRINT],
        env=os.environ | {"PYTHONIOENCODING": encoding},
        capture_output=True,
        check=True,
    )

    assert [line.encode(encoding), "HOME='/data/é'".encode()] == printed.stdout.splitlines()
    assert rb"~ \udcff" == printed.stderr.strip()


def test_a_utf8_stream_gets_ticks_and_names_unchanged() -> None:
    """UTF-8 has every character, so none is replaced."""
    printed = subprocess.run(
        [sys.executable, "-c", PRINT],
        env=os.environ | {"PYTHONIOENCODING": "utf-8"},
        capture_output=True,
        check=True,
    )

    assert printed.stdout.startswith("✓ Doge 🐕 ✗ é\n".encode())


def test_lines_are_wrapped_in_a_terminal_but_not_in_a_file() -> None:
    """Logs are searched line by line. `COLUMNS` applies to a terminal, not to a file."""
    sentence = "word " * 100

    consoles = [
        UnwrappedConsole(file=stream, _environ={"COLUMNS": "60"}, force_terminal=is_terminal)
        for stream, is_terminal in ((io.StringIO(), False), (io.StringIO(), True))
    ]
    for console in consoles:
        console.print(sentence)

    in_file, in_terminal = (one.file.getvalue().splitlines() for one in consoles)  # type: ignore[attr-defined]
    assert [sentence] == in_file
    assert max(map(len, in_terminal)) <= 60


def test_names_in_a_narrow_table_keep_all_their_characters() -> None:
    """Two truncated asset names would look alike."""
    names = ["warehouse/coin_price_history", "warehouse/coin_prices"]
    narrow = Console(file=io.StringIO(), width=30)
    table = table_of("asset", "rows")
    for name in names:
        table.add_row(name, "1" * 26)

    narrow.print(table)

    shown = narrow.file.getvalue()  # type: ignore[attr-defined]
    assert "…" not in shown
    column = "".join(line.split()[0] for line in shown.splitlines())
    assert all(name in column for name in names)
