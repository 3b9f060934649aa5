"""Splits a partition into time ranges; one task reads and judges each range.

What goes here: where a partition is split, and reading a range. What stays out: running the tasks,
and rules (in `transforms`).

Ranges start on whole seconds, because nx-27017 (the stand-in for MongoDB) compares times as text
and may order fractions of a second wrongly. A snapshot is never split: all documents with the same
`observed_at` are in the same range.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

import pyarrow as pa
import pyarrow.compute as pc

from cryptoassets.partitions.spans import Span
from cryptoassets.schemas import RawTable
from cryptoassets.stores.batches import BatchReader
from cryptoassets.stores.mongodb import Asked, Lake, batches_in

MAX_DOCUMENTS = 10_000
"""Approximate maximum number of documents per range; a task needs about 8 kB per document."""
_STEPS = 360
"""Documents whose times are unknown are assumed to be spread evenly over this many moments."""


@dataclass(frozen=True)
class RawRange:
    """The range that one task reads.

    Attributes:
        span: the range, on whole seconds.
        partition: the partition that contains the range.
        after: only documents newer than this time are read; None means all documents.
        asked: what was requested for each snapshot in the range.
    """

    span: Span
    partition: Span
    after: datetime | None
    asked: Asked


def cut(
    span: Span, expected: Mapping[datetime, int], documents: int, *, limit: int = MAX_DOCUMENTS
) -> list[Span]:
    """Split a span into ranges with about the same number of documents.

    Args:
        span: a partition, or the newer part of one; starts on a whole second.
        expected: the known document counts, by time.
        documents: total number of documents.
        limit: maximum number of documents per range, approximately.

    Returns:
        Ranges without gaps between them, oldest first, on whole seconds.
    """
    wanted = math.ceil(documents / limit)
    if wanted <= 1:
        return [span]
    weights: list[tuple[datetime, float]] = [
        (moment, count) for moment, count in expected.items() if span[0] <= moment < span[1]
    ]
    unknown = documents - sum(count for _, count in weights)
    if unknown > 0:
        step = (span[1] - span[0]) / _STEPS
        weights += [(span[0] + n * step, unknown / _STEPS) for n in range(_STEPS)]
    total = sum(count for _, count in weights)
    cuts, passed = [span[0]], 0.0
    for moment, count in sorted(weights):
        second = moment.replace(microsecond=0)
        if passed >= len(cuts) * total / wanted and second > cuts[-1]:
            cuts.append(second)
        passed += count
    return [Span(*pair) for pair in zip(cuts, [*cuts[1:], span[1]], strict=True)]


def read_range(lake: Lake, table: RawTable, part: RawRange, coins_asked: int) -> pa.Table:
    """Read the documents of a range as input rows for a kernel (see `raw.Kernel`).

    Args:
        lake: the database.
        table: the raw table of a flow.
        part: the range.
        coins_asked: number of requested coins, assumed for snapshots without a fetch record.
    """
    collection = lake[table.name]
    reader = BatchReader(
        table, part.span, part.partition, part.asked, coins_asked, collection.codec_options
    )
    rows = reader.rows(batches_in(collection, part.span))
    if part.after is None:
        return rows
    newest_known = pa.scalar(part.after, rows["observed_at"].type)
    return rows.filter(pc.greater(rows["observed_at"], newest_known))
