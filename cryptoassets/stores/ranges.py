"""A partition cut into ranges of time, each of which one task reads and judges whole.

What goes here: where the cuts lie, and reading a range. What stays out: who runs the tasks, and
rules (in `transforms`).

Cuts lie on whole seconds, for nx-27017 compares text, in which '03.520' comes after '03.521'. No
snapshot is cut: all documents of one `observed_at` are in one range.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

import pyarrow as pa
import pyarrow.compute as pc

from cryptoassets.partitions.spans import Span
from cryptoassets.schemas import Table
from cryptoassets.stores.batches import BatchReader
from cryptoassets.stores.mongodb import Asked, Lake, batches_in

MOST_DOCUMENTS = 10_000
"""Documents of a range, about; a task needs some 8 kB for each."""
_STEPS = 360
"""Moments that documents of an unknown time are taken to be spread over."""


@dataclass(frozen=True)
class RawRange:
    """What one task reads.

    Attributes:
        span: the range, on whole seconds.
        partition: that it is a part of.
        after: leave out what is not newer; None: nothing.
        asked: what its snapshots were asked for.
    """

    span: Span
    partition: Span
    after: datetime | None
    asked: Asked


def cut(
    span: Span, expected: Mapping[datetime, int], documents: int, *, most: int = MOST_DOCUMENTS
) -> list[Span]:
    """Cut a span into ranges that hold about as many documents each.

    Args:
        span: a partition, or the newer part of one; starts on a whole second.
        expected: documents by time, as far as it is known.
        documents: how many there are.
        most: documents of a range.

    Returns:
        Ranges without a gap between them, oldest first, on whole seconds.
    """
    wanted = math.ceil(documents / most)
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


def read_range(lake: Lake, table: Table, part: RawRange, coins_asked: int) -> pa.Table:
    """The documents of a range as rows that a kernel judges.

    Args:
        lake: the database.
        table: the raw table of a flow.
        part: the range.
        coins_asked: what a snapshot is judged by where no record of its fetch is left.
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
