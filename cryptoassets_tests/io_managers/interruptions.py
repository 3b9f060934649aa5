"""A PostgreSQL resource that lets a test act in the middle of a transaction."""

from collections.abc import Callable
from typing import Any

import psycopg

from cryptoassets.resources.postgres import PostgresResource

INTERRUPTIONS: list[Callable[[], object]] = []
"""Functions that are called once, the last one first."""


class InterruptedPostgres(PostgresResource):
    """Connections that call `INTERRUPTIONS` right before a statement that contains `before`."""

    before: str

    def connect(self, *, autocommit: bool = False) -> psycopg.Connection:
        """Connect as usual, but with a cursor that calls the functions."""
        connection = super().connect(autocommit=autocommit)
        before = self.before

        class InterruptedCursor(psycopg.Cursor[Any]):
            def execute(self, query: Any, *args: Any, **kwargs: Any) -> Any:
                while before in str(query) and INTERRUPTIONS:
                    INTERRUPTIONS.pop()()
                return super().execute(query, *args, **kwargs)

        connection.cursor_factory = InterruptedCursor
        return connection
