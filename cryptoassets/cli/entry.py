"""The start and the end of every command: an error is one sentence with its remedy.

What goes here: what holds for the whole process, errors and exit codes. What stays out: the
commands (in `app`).
"""

import os
import sys

from rich.markup import escape

from cryptoassets.cli.app import app
from cryptoassets.cli.garbage import search_as_usual, search_seldom
from cryptoassets.cli.terminal import (
    FAILED,
    INTERRUPTED,
    MISUSED,
    NOT_RUNNING,
    errors,
    print_on_any_stream,
)
from cryptoassets.environment import remove_dagster_variables, remove_pyspark_variables
from cryptoassets.errors import CryptoassetsError, SettingsError, StoreNotRunningError
from cryptoassets.shortages import remedy_of

_STORES = {
    "pymongo": "MongoDB",
    "psycopg": "PostgreSQL",
    "sqlalchemy": "PostgreSQL, where Dagster keeps its runs,",
}
"""Package of a foreign error to the store that it comes from."""


def main() -> None:
    """Run the command; an error is one sentence with its remedy."""
    # Only the user may read files of the home, whatever the shell's umask; children inherit this.
    os.umask(0o077)
    print_on_any_stream()
    remove_pyspark_variables()
    remove_dagster_variables()
    search_seldom()
    # Accepted before and after the name of the command.
    is_debug = "--debug" in sys.argv
    arguments = [argument for argument in sys.argv[1:] if argument != "--debug"]
    try:
        app(arguments)
    except CryptoassetsError as error:
        if is_debug:
            raise
        errors.print(f"[bold red]Error:[/] {escape(str(error))}", soft_wrap=True)
        sys.exit(_exit_code(error))
    except Exception as error:
        store = _STORES.get(type(error).__module__.partition(".")[0])
        # The name of some errors is all they say, as with MemoryError.
        remedy = remedy_of(f"{type(error).__name__}: {error}")
        if is_debug or (store is None and remedy is None):
            raise
        sentence = str(error).strip().partition("\n")[0] or type(error).__name__
        what = f"{store} failed: {sentence}" if store else sentence
        remedy = remedy or "See that the server runs; a later retry can help"
        errors.print(f"[bold red]Error:[/] {escape(what)}. {remedy}", soft_wrap=True)
        sys.exit(FAILED)
    except KeyboardInterrupt:
        errors.print("Stopped.")
        sys.exit(INTERRUPTED)
    finally:
        search_as_usual()


def _exit_code(error: CryptoassetsError) -> int:
    if isinstance(error, SettingsError):
        return MISUSED
    return NOT_RUNNING if isinstance(error, StoreNotRunningError) else FAILED
