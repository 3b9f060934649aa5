"""Stretches: consecutive partitions that one run processes, and that fit into memory."""

from datetime import UTC, datetime, timedelta

import pytest

from cryptoassets.schemas import HISTORY_FLOW, SNAPSHOT_FLOW, Flow
from cryptoassets.upkeep.partitions import Partition, partition_of
from cryptoassets.upkeep.stretches import MAX_DOCUMENTS, stretches

FIRST = datetime(2026, 10, 30, tzinfo=UTC)


def partitions(flow: Flow, *numbers: int) -> list[Partition]:
    """Return partitions of a flow by their numbers; the partition that starts at FIRST is 0."""
    return [partition_of(flow, FIRST + number * flow.span) for number in numbers]


def lengths(all_partitions: list[Partition], documents: int = 0) -> list[int]:
    """Return the number of partitions per stretch, if each partition has this many documents."""
    return [len(stretch) for stretch in stretches(all_partitions, lambda _: documents)]


@pytest.mark.parametrize(
    ("flow", "expected"), [(SNAPSHOT_FLOW, [24, 24, 2]), (HISTORY_FLOW, [7] * 7 + [1])]
)
def test_a_stretch_has_at_most_24_hours_or_7_days(flow: Flow, expected: list[int]) -> None:
    """A failed or killed run should lose little work."""
    assert expected == lengths(partitions(flow, *range(50)))


def test_a_gap_splits_stretches() -> None:
    """An hour without documents cannot be processed, so it cannot be part of a stretch."""
    hours = partitions(SNAPSHOT_FLOW, 3, 0, 1, 4, 6)

    assert [[0, 1], [3, 4], [6]] == [
        [(one.start - FIRST) // timedelta(hours=1) for one in stretch]
        for stretch in stretches(hours, lambda _: 0)
    ]


def test_the_number_of_documents_limits_a_stretch_but_not_a_single_partition() -> None:
    """2,000 coins per minute are 120,000 documents per hour; memory must stay bounded."""
    hours = partitions(SNAPSHOT_FLOW, *range(6))

    assert [2, 2, 2] == lengths(hours, documents=MAX_DOCUMENTS // 2)
    assert [1] * 6 == lengths(hours, documents=MAX_DOCUMENTS + 1)


def test_hours_and_days_never_share_a_stretch() -> None:
    """A run processes either hours or days."""
    mixed = [*partitions(SNAPSHOT_FLOW, 0, 1), *partitions(HISTORY_FLOW, 0, 1)]

    assert [{HISTORY_FLOW.asset}, {SNAPSHOT_FLOW.asset}] == sorted(
        ({one.asset for one in stretch} for stretch in stretches(mixed, lambda _: 0)), key=str
    )
