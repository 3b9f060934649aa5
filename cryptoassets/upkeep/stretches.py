"""Adjoining partitions put together: what one run takes at a time.

What goes here: which partitions follow each other, and how many of them one run takes. What stays
out: which partitions there are (in `upkeep.partitions`), running them (in `operations.ranges`).
"""

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator
from datetime import timedelta

from cryptoassets.upkeep.partitions import Partition

MOST_DOCUMENTS = 200_000
"""Raw documents that a run of several partitions reads; one partition alone may have more."""
MOST_SPAN = {timedelta(hours=1): timedelta(days=1), timedelta(days=1): timedelta(days=7)}
"""Span of a partition to that of the longest stretch: a run that fails has not taken long."""

Stretch = list[Partition]


def stretches(
    partitions: Iterable[Partition], documents: Callable[[Partition], int]
) -> Iterator[Stretch]:
    """Cut partitions into stretches of one asset without a hole, oldest first.

    Args:
        partitions: in any order, of several assets.
        documents: counts those of a partition; asked when its stretch is about to come.
    """
    by_asset: dict[str, Stretch] = defaultdict(list)
    for partition in sorted(partitions):
        by_asset[partition.asset].append(partition)
    for of_asset in by_asset.values():
        yield from _cut(of_asset, documents)


def _cut(ordered: Stretch, documents: Callable[[Partition], int]) -> Iterator[Stretch]:
    made: Stretch = []
    held = 0
    for partition in ordered:
        count = documents(partition)
        if made and not (_adjoins(made, partition) and held + count <= MOST_DOCUMENTS):
            yield made
            made, held = [], 0
        made.append(partition)
        held += count
    if made:
        yield made


def _adjoins(made: Stretch, partition: Partition) -> bool:
    is_next = made[-1].window[1] == partition.start
    return is_next and partition.window[1] - made[0].start <= MOST_SPAN[partition.span]
