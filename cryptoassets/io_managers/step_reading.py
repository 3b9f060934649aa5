"""The transaction in which a step reads its inputs: they all stand as at one moment.

What goes here: when it begins and when it ends. What stays out: what is read in it (in `reading`).

A mart whose prices are of one moment and whose history is of the next would count an hour twice, or
not at all. The transaction locks no row, but while it lasts PostgreSQL keeps every old one.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

import dagster as dg
import psycopg

from cryptoassets.io_managers.publishing import Cursor


class StepReading:
    """One REPEATABLE READ transaction for all inputs of a step.

    It ends with the last of them, with the first that fails, and before another step or another
    try of the step reads; `end` ends it where a step did not come so far.
    """

    def __init__(self) -> None:
        self._connection: psycopg.Connection | None = None
        self._step = ""
        self._inputs_read: set[str] = set()

    @contextmanager
    def cursor(
        self, context: dg.InputContext, connect: Callable[[], psycopg.Connection]
    ) -> Iterator[Cursor]:
        """A cursor for one input, which is read when the block ends."""
        step, inputs = _step_of(context)
        name = context.name if inputs else ""
        if step != self._step or name in self._inputs_read:
            self.end()
        self._step = step
        try:
            if self._connection is None:
                self._connection = connect()
                self._connection.isolation_level = psycopg.IsolationLevel.REPEATABLE_READ
                self._connection.read_only = True
            with self._connection.cursor() as cursor:
                yield cursor
        except BaseException:
            self.end()
            raise
        self._inputs_read.add(name)
        if inputs <= self._inputs_read:
            self.end()

    def end(self) -> None:
        """End the transaction, if there is one."""
        if self._connection is not None:
            self._connection.close()
        self._connection = None
        self._inputs_read.clear()


def _step_of(context: dg.InputContext) -> tuple[str, set[str]]:
    """The name of a step and of the inputs that it loads; none where no step loads them."""
    if not context.has_input_name:
        return "", set()
    op = context.op_def
    return op.name, {one.name for one in op.input_defs if not one.dagster_type.is_nothing}
