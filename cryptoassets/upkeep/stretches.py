"""Stretches: consecutive partitions that one run processes together.

What goes here: which partitions follow each other, and how many of them one run takes. What stays
out: finding partitions (in `upkeep.partitions`), running stretches (in `operations.ranges`).
"""

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator
from datetime import timedelta

from cryptoassets.upkeep.partitions import Partition

MAX_DOCUMENTS = 200_000
"""Maximum number of raw documents in one run over several partitions; a single partition may
have more."""
MAX_SPAN = {timedelta(hours=1): timedelta(days=1), timedelta(days=1): timedelta(days=7)}
"""Maps a partition's span to the longest stretch; stretches are short, so that a failed run loses
little work."""

Stretch = list[Partition]


def stretches(
    partitions: Iterable[Partition], documents: Callable[[Partition], int]
) -> Iterator[Stretch]:
    """Group each asset's partitions into stretches without gaps, oldest first.

    Args:
        partitions: in any order, of any assets.
        documents: returns a partition's number of documents; called only when it is needed.
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
        if stretch and not (_can_extend(stretch, partition) and total + count <= MAX_DOCUMENTS):
            yield stretch
            stretch, total = [], 0
        stretch.append(partition)
        total += count
    if stretch:
        yield stretch


def _can_extend(stretch: Stretch, partition: Partition) -> bool:
    is_next = stretch[-1].window[1] == partition.start
    return is_next and partition.window[1] - stretch[0].start <= MAX_SPAN[partition.span]
