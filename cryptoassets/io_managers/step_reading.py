"""The transaction in which a step reads all of its inputs, so that they are consistent.

What goes here: when the transaction begins and ends. What stays out: what is read in it (in
`reading`).

If a mart read prices and history at different moments, it could count an hour twice or not at all.
The transaction locks no rows, but PostgreSQL keeps old row versions until it ends.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

import dagster as dg
import psycopg

from cryptoassets.stores.publishing import Cursor


class StepReading:
    """One REPEATABLE READ transaction for all inputs of a step.

    It ends after the step's last input, after an error, or before another step (or another attempt
    of the same step) reads. If none of these happens, call `end`.
    """

    def __init__(self) -> None:
        self._connection: psycopg.Connection | None = None
        self._step = ""
        self._inputs_read: set[str] = set()

    @contextmanager
    def cursor(
        self, context: dg.InputContext, connect: Callable[[], psycopg.Connection]
    ) -> Iterator[Cursor]:
        """A cursor to read one input; the input counts as read when the block ends."""
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
        """End the transaction, if it is open."""
        if self._connection is not None:
            self._connection.close()
        self._connection = None
        self._inputs_read.clear()


def _step_of(context: dg.InputContext) -> tuple[str, set[str]]:
    """The name of a step and the names of its inputs; empty if no step loads the input."""
    if not context.has_input_name:
        return "", set()
    op = context.op_def
    return op.name, {one.name for one in op.input_defs if not one.dagster_type.is_nothing}
