"""Finds the partitions in which a collection of raw documents has documents.

What goes here: finding these partitions by the distinct times of the documents. What stays out:
counting documents (in `mongodb`), which partitions are published (in `upkeep.partitions`).
"""

from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta

import pymongo
from pymongo.collection import Collection

from cryptoassets.partitions.spans import Span, partition_around
from cryptoassets.stores.documents import time_of
from cryptoassets.stores.mongodb import Document, in_window, oldest_or_newest_time

_SLICE = timedelta(days=30)
"""Even with a snapshot every 5 s, a slice's distinct times fit into one server reply (16 MB)."""


def starts_in(collection: Collection[Document], length: timedelta, window: Span) -> set[datetime]:
    """Return the start of each partition of this length that has documents in a window."""
    return {
        partition_around(moment, length).start
        for part in _slices(collection, window)
        for moment in map(time_of, collection.distinct("observed_at", in_window(part)))
        if moment is not None and part.start <= moment < part.end
    }


def with_documents(collection: Collection[Document], partitions: Sequence[Span]) -> list[Span]:
    """Return those partitions that have documents.

    Args:
        collection: a collection of raw documents.
        partitions: at least one, all of the same length, oldest first.
    """
    first, last = partitions[0], partitions[-1]
    starts = starts_in(collection, first.end - first.start, Span(first.start, last.end))
    return [partition for partition in partitions if partition.start in starts]


def _slices(collection: Collection[Document], window: Span) -> Iterator[Span]:
    """Split a window into slices; if it is longer than `_SLICE`, only its part with documents."""
    if window.end - window.start <= _SLICE:
        yield window
        return
    start, last = (
        oldest_or_newest_time(collection, in_window(window), order) or window.end
        for order in (pymongo.ASCENDING, pymongo.DESCENDING)
    )
    while start <= last and start < window.end:
        yield Span(start, min(start + _SLICE, window.end))
        start += _SLICE
