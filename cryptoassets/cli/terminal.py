"""What the commands share: two consoles that can print on any stream, and the exit codes.

Exit codes: 0 done; 1 something failed; 2 misuse (an option or a setting is wrong); 3 a store is not
running, and the command starts none; 130 interrupted.
"""

import codecs
import io
import os
import sys

from rich.console import Console

console = Console(highlight=False)
errors = Console(stderr=True, highlight=False)

FAILED, MISUSED, NOT_RUNNING, INTERRUPTED = 1, 2, 3, 130

_PLAIN = {"✓": "+", "✗": "x", "↻": "~", "—": "-", "·": "-", "…": "..."}
_SPINNER = range(0x2800, 0x2900)


def print_on_any_stream() -> None:
    """Print characters that a stream's encoding lacks as plain marks or escapes, without an error.

    Cron, pipes and old terminals may take only ASCII; names of coins and folders may hold anything.
    """
    codecs.register_error("cryptoassets", _plain)
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="cryptoassets")


def print_for_shell(line: str) -> None:
    """Print a line that a shell reads: no wrapping, no markup, and paths byte for byte."""
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.flush()
        sys.stdout.buffer.write(os.fsencode(line) + b"\n")
        sys.stdout.buffer.flush()
    else:
        print(line)  # noqa: T201 - a stream in memory


def print_for_program(text: str) -> None:
    """Print text that a program reads, at once: no wrapping, no markup."""
    print(text, flush=True)  # noqa: T201 - a program reads it


def _plain(error: UnicodeError) -> tuple[str, int]:
    if not isinstance(error, UnicodeEncodeError):
        raise error
    refused = error.object[error.start : error.end]
    return "".join(map(_plain_character, refused)), error.end


def _plain_character(character: str) -> str:
    if ord(character) in _SPINNER:
        return "."
    return _PLAIN.get(character) or character.encode("ascii", "backslashreplace").decode()
