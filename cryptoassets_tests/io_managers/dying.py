"""Publishes in child processes, kills each at a different statement, and prints the final states.

What goes here: the program, which `test_publishing` runs with `python -m`. What stays out: the
expected states (in that test). The program forks for each kill, because a new process would need
seconds to import everything again.
"""

import json
import os
import signal
import sys
from collections.abc import Callable
from typing import Any

import dagster as dg
import psycopg
import pyarrow as pa
from pydantic import PrivateAttr

from cryptoassets.io_managers.postgres import PostgresIOManager
from cryptoassets.resources.postgres import PostgresResource
from cryptoassets.resources.spark import SparkResource
from cryptoassets_tests.io_managers import warehouse
from cryptoassets_tests.io_managers.contexts import PRICES, write
from cryptoassets_tests.io_managers.rows import HOUR, broken_row, judged, judged_row


class DyingPostgres(PostgresResource):
    """Connections that count statements, including COMMIT, and kill the process at one of them."""

    _steps_left: int = PrivateAttr(default=0)

    def connect(self, *, autocommit: bool = False) -> psycopg.Connection:
        """Connect as usual, but count statements and commits."""
        connection = super().connect(autocommit=autocommit)
        connection.cursor_factory = self._counting_cursor()
        commit = connection.commit

        def counted_commit() -> None:
            self._step()
            commit()
            self._step()

        connection.commit = counted_commit  # type: ignore[method-assign]
        return connection

    def _step(self) -> None:
        if self._steps_left == 0:
            os.kill(os.getpid(), signal.SIGKILL)
        self._steps_left -= 1

    def _counting_cursor(self) -> type[psycopg.Cursor[Any]]:
        step = self._step

        class CountingCursor(psycopg.Cursor[Any]):
            def execute(self, *args: Any, **kwargs: Any) -> Any:
                step()
                return super().execute(*args, **kwargs)

            def copy(self, *args: Any, **kwargs: Any) -> Any:
                step()
                return super().copy(*args, **kwargs)

        return CountingCursor


def first_view() -> pa.Table:
    """The rows that a first run publishes: two valid and two broken ones."""
    rows = [judged_row("kept"), judged_row("vanishing", rank=1)]
    return judged(*rows, broken_row("fixed"), broken_row("broken"))


def later_view() -> pa.Table:
    """What a later run publishes: a new rank, a new fault, a fixed row, a new reason, a new row."""
    rows = [judged_row("kept", rank=2), broken_row("vanishing"), judged_row("fixed")]
    return judged(*rows, broken_row("broken", reasons=["bad_id"]), judged_row("new"))


def state_after_death(view: Callable[[], pa.Table], steps: int) -> tuple[bool, dict[str, Any]]:
    """Publish in a child process that is killed after `steps` steps, if it needs more.

    Returns:
        Whether it was killed, and the state in which it left the database.
    """
    child = os.fork()
    if child == 0:
        postgres = DyingPostgres()
        postgres._steps_left = steps  # noqa: SLF001 - a class of this module
        write(PostgresIOManager(postgres=postgres, spark=SparkResource()), PRICES, HOUR, view())
        os._exit(0)
    _, status = os.waitpid(child, 0)
    is_killed = os.WIFSIGNALED(status) and os.WTERMSIG(status) == signal.SIGKILL
    if not is_killed and os.WEXITSTATUS(status):
        sys.exit(f"the child failed instead of dying at step {steps}")
    url = os.environ["POSTGRES_URL"]
    return is_killed, {"rows": warehouse.dump(url), "months": warehouse.months(url)}


def main() -> None:
    """Publish both views, and print the states of the database for each.

    The last state is that without a kill; the others follow a kill at step 0, 1, 2, ...
    """
    # Migrate the schema and import Dagster once here, so that the children need not do it.
    PostgresResource().connect().close()
    with dg.build_output_context():
        first_view()
    report = []
    for view in (first_view, later_view):
        before = warehouse.dump(os.environ["POSTGRES_URL"])
        is_killed, steps, states = True, 0, []
        while is_killed:
            is_killed, state = state_after_death(view, steps)
            states.append(state)
            steps += 1
        report.append({"before": before, "states": states})
    print(json.dumps(report))  # noqa: T201 - the test reads it


if __name__ == "__main__":
    main()
