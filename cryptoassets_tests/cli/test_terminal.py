"""Promises on output: it can be printed on any stream, and a shell reads paths byte for byte."""

import os
import subprocess
import sys

import pytest

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
    """Cron, pipes and old terminals: nothing was done, as a tick could not be printed."""
    printed = subprocess.run(
        [sys.executable, "-c", PRINT],
        env=os.environ | {"PYTHONIOENCODING": encoding},
        capture_output=True,
        check=True,
    )

    assert [line.encode(encoding), "HOME='/data/é'".encode()] == printed.stdout.splitlines()
    assert rb"~ \udcff" == printed.stderr.strip()


def test_a_stream_that_can_show_them_gets_ticks_and_names() -> None:
    """As ever."""
    printed = subprocess.run(
        [sys.executable, "-c", PRINT],
        env=os.environ | {"PYTHONIOENCODING": "utf-8"},
        capture_output=True,
        check=True,
    )

    assert printed.stdout.startswith("✓ Doge 🐕 ✗ é\n".encode())
