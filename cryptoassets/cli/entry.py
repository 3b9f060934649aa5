"""Starts and ends every command; reports an error in one sentence with its remedy.

What goes here: process-wide settings, errors and exit codes. What stays out: the commands
(in `app`).
"""

import logging
import os
import sys

from rich.markup import escape

from cryptoassets.cli.app import app
from cryptoassets.cli.garbage import collect_garbage_normally, collect_garbage_rarely
from cryptoassets.cli.terminal import (
    FAILED,
    INTERRUPTED,
    MISUSED,
    NOT_RUNNING,
    UNLIMITED,
    console,
    errors,
    print_on_any_stream,
)
from cryptoassets.environment import (
    ignored_variables,
    remove_dagster_variables,
    remove_pyspark_variables,
)
from cryptoassets.errors import CryptoassetsError, SettingsError, StoreNotRunningError
from cryptoassets.shortages import shortage_message

_QUIET = {"--quiet", "-q"}
_STORES = {
    "pymongo": "MongoDB",
    "psycopg": "PostgreSQL",
    "sqlalchemy": "PostgreSQL, which stores Dagster's runs,",
}
"""Maps the package that defines an error to the store that caused the error."""


def main() -> None:
    """Run the command; report an error in one sentence with its remedy."""
    # Only this user may read files in the home folder, whatever the shell's umask is. Child
    # processes inherit the new umask.
    os.umask(0o077)
    print_on_any_stream()
    # `doctor` lists these variables.
    ignored = ignored_variables()
    remove_pyspark_variables()
    remove_dagster_variables()
    collect_garbage_rarely()
    # If Ctrl-C interrupts a rollback, psycopg logs this. Without a handler, Python would print it.
    logging.getLogger("psycopg").addHandler(logging.NullHandler())
    # --debug and --quiet are accepted before and after the name of the command.
    is_debug = "--debug" in sys.argv
    console.quiet = not _QUIET.isdisjoint(sys.argv)
    arguments = [argument for argument in sys.argv[1:] if argument not in {"--debug", *_QUIET}]
    if arguments[:1] == ["help"]:
        arguments = [*arguments[1:], "--help"]
    is_terminal = sys.stdout.isatty() and sys.stderr.isatty()
    # In files and pipes, help texts and usage errors are not wrapped.
    try:
        app(arguments, obj=ignored, terminal_width=None if is_terminal else UNLIMITED)
    except CryptoassetsError as error:
        if is_debug:
            raise
        errors.print(f"[bold red]Error:[/] {escape(str(error))}", soft_wrap=True)
        sys.exit(_exit_code(error))
    except Exception as error:
        store = _STORES.get(type(error).__module__.partition(".")[0])
        # Some errors have no message, only a name, for example MemoryError.
        remedy = shortage_message(f"{type(error).__name__}: {error}")
        if is_debug or (store is None and remedy is None):
            raise
        sentence = str(error).strip().partition("\n")[0] or type(error).__name__
        what = f"{store} failed: {sentence}" if store else sentence
        remedy = remedy or "Check that the server is running; a later retry can help"
        errors.print(f"[bold red]Error:[/] {escape(what)}. {remedy}", soft_wrap=True)
        sys.exit(FAILED)
    except SystemExit as end:
        # Typer exits with this code after Ctrl-C.
        if end.code == INTERRUPTED:
            errors.print("Stopped.")
        raise
    finally:
        collect_garbage_normally()
        _flush_output()


def _flush_output() -> None:
    """Write buffered output; end quietly if the program that reads it, e.g. `head`, has ended."""
    try:
        sys.stdout.flush()
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _exit_code(error: CryptoassetsError) -> int:
    if isinstance(error, SettingsError):
        return MISUSED
    return NOT_RUNNING if isinstance(error, StoreNotRunningError) else FAILED
