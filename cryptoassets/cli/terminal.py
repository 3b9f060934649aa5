"""What the commands share: consoles that can print on any stream, tables, and the exit codes.

Exit codes: 0 done; 1 something failed; 2 misuse (an option or a setting is wrong); 3 a store is not
running, and the command does not start it; 130 interrupted.
"""

import codecs
import io
import os
import sys

from rich.console import Console, ConsoleDimensions
from rich.table import Table

UNLIMITED = 10_000
"""Width, in columns, that is assumed for a stream that is not a terminal."""


class UnwrappedConsole(Console):
    """A console that wraps lines only in a terminal, so that files and pipes get whole lines."""

    @property  # type: ignore[misc]
    def size(self) -> ConsoleDimensions:
        """The terminal's size; without a terminal, a width that no line exceeds."""
        return super().size if self.is_terminal else ConsoleDimensions(UNLIMITED, 25)


console = UnwrappedConsole(highlight=False)
errors = UnwrappedConsole(stderr=True, highlight=False)

FAILED, MISUSED, NOT_RUNNING, INTERRUPTED = 1, 2, 3, 130

_PLAIN = {"✓": "+", "✗": "x", "↻": "~", "—": "-", "·": "-", "…": "..."}
_SPINNER = range(0x2800, 0x2900)


def for_attention(console: Console) -> Console:
    """Return the console for failures and warnings: the given one, or stderr if it is quiet."""
    return errors if console.quiet else console


def table_of(*headings: str) -> Table:
    """Return a table without borders; in a narrow terminal, cells are folded, not truncated.

    Two truncated names might look alike.
    """
    table = Table(box=None)
    for heading in headings:
        table.add_column(heading, overflow="fold")
    return table


def print_on_any_stream() -> None:
    """Make stdout and stderr print ASCII in place of characters that their encoding lacks.

    Cron, pipes and old terminals may support only ASCII, but names may contain any character.
    """
    codecs.register_error("cryptoassets", _plain)
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="cryptoassets")


def print_for_shell(line: str) -> None:
    """Print a line for a shell: without wrapping or markup, and with paths byte for byte."""
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.flush()
        sys.stdout.buffer.write(os.fsencode(line) + b"\n")
        sys.stdout.buffer.flush()
    else:
        print(line)  # noqa: T201 - an in-memory stream


def print_for_program(text: str) -> None:
    """Print text for a program immediately, without wrapping or markup."""
    print(text, flush=True)  # noqa: T201 - output for a program


def _plain(error: UnicodeError) -> tuple[str, int]:
    if not isinstance(error, UnicodeEncodeError):
        raise error
    refused = error.object[error.start : error.end]
    return "".join(map(_plain_character, refused)), error.end


def _plain_character(character: str) -> str:
    if ord(character) in _SPINNER:
        return "."
    return _PLAIN.get(character) or character.encode("ascii", "backslashreplace").decode()
