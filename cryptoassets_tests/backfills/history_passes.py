"""Passes that fetch the history of coins: wanted spans, and the results of all calls of a pass.

What goes here: what the tests of `fetch` share. What stays out: the fixture that creates a pass (in
`conftest`).
"""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

from cryptoassets.backfills.fetch import HistoryFetch
from cryptoassets.partitions.spans import Span
from cryptoassets_tests.backfills.history_data import T0

HISTORY = "/assets/{slug}/history"
Fetch = Callable[..., HistoryFetch]


def days(start: float, end: float) -> Span:
    """Return a span in days since T0."""
    return Span(T0 + timedelta(days=start), T0 + timedelta(days=end))


TWO_DAYS = days(0, 2)


def run_pass(fetch: HistoryFetch) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """Make the calls of a pass; return the documents and records of all batches."""
    batches = list(fetch)
    documents = [document for batch in batches for document in batch.documents]
    return documents, [record for batch in batches for record in batch.windows]
