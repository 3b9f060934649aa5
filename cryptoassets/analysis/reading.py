"""Runs one statement for a person or another program; amounts and times become exact strings.

What goes here: what the command `sql` needs. What stays out: printing (in `cli`).
"""

from collections.abc import Iterator
from contextlib import closing, contextmanager
from datetime import UTC

import pyarrow as pa

from cryptoassets.analysis.connection import connect
from cryptoassets.analysis.query import Rows, run_query
from cryptoassets.analysis.texts import as_texts


@contextmanager
def open_rows(statement: str) -> Iterator[Rows]:
    """Run a statement and provide its rows until the block ends; amounts and times are strings.

    Raises:
        QueryError: the server refused the statement.
        AnalystLoginError: there is no read-only log-in.
    """
    with closing(connect()) as connection:
        rows = run_query(connection, statement, has_text_amounts=True)
        texts = (as_texts(batch, UTC) for batch in rows.batches)
        empty = as_texts(pa.RecordBatch.from_pylist([], schema=rows.schema), UTC)
        yield Rows(empty.schema, texts, rows.amounts)
