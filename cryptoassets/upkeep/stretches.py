"""Stretches: consecutive partitions that one run processes together.

What goes here: which partitions follow each other, and how many of them one run takes. What stays
out: which partitions there are (in `upkeep.partitions`), running them (in `operations.ranges`).
"""

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator
from datetime import timedelta

from cryptoassets.upkeep.partitions import Partition

MAX_DOCUMENTS = 200_000
"""Maximum number of raw documents in one run over several partitions; a single partition may
have more."""
MAX_SPAN = {timedelta(hours=1): timedelta(days=1), timedelta(days=1): timedelta(days=7)}
"""Maps the span of a partition to the longest stretch; short, so a failed run loses little."""

Stretch = list[Partition]


def stretches(
    partitions: Iterable[Partition], documents: Callable[[Partition], int]
) -> Iterator[Stretch]:
    """Group partitions into stretches of one asset without gaps, oldest first.

    Args:
        partitions: in any order, of any assets.
        documents: returns a partition's number of documents; called when the partition is reached.
    """
    by_asset: dict[str, Stretch] = defaultdict(list)
    for partition in sorted(partitions):
        by_asset[partition.asset].append(partition)
    for of_asset in by_asset.values():
        yield from _cut(of_asset, documents)


def _cut(ordered: Stretch, documents: Callable[[Partition], int]) -> Iterator[Stretch]:
    stretch: Stretch = []
    total = 0
    for partition in ordered:
        count = documents(partition)
        if stretch and not (_follows(stretch, partition) and total + count <= MAX_DOCUMENTS):
            yield stretch
            stretch, total = [], 0
        stretch.append(partition)
        total += count
    if stretch:
        yield stretch


def _follows(stretch: Stretch, partition: Partition) -> bool:
    is_next = stretch[-1].window[1] == partition.start
    return is_next and partition.window[1] - stretch[0].start <= MAX_SPAN[partition.span]
