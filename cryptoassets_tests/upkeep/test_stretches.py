"""Promises of stretches: what one run takes adjoins, and fits into memory."""

from datetime import UTC, datetime, timedelta

import pytest

from cryptoassets.schemas import HISTORY_FLOW, SNAPSHOT_FLOW, Flow
from cryptoassets.upkeep.partitions import Partition, partition_of
from cryptoassets.upkeep.stretches import MOST_DOCUMENTS, stretches

FIRST = datetime(2026, 10, 30, tzinfo=UTC)


def partitions(flow: Flow, *numbers: int) -> list[Partition]:
    """Partitions of a flow by their number after the first."""
    return [partition_of(flow, FIRST + number * flow.span) for number in numbers]


def lengths(made: list[Partition], documents: int = 0) -> list[int]:
    """How many partitions each stretch has, were they all of so many documents."""
    return [len(stretch) for stretch in stretches(made, lambda _: documents)]


@pytest.mark.parametrize(
    ("flow", "expected"), [(SNAPSHOT_FLOW, [24, 24, 2]), (HISTORY_FLOW, [7] * 7 + [1])]
)
def test_a_stretch_is_a_day_of_hours_or_a_week_of_days(flow: Flow, expected: list[int]) -> None:
    """A run that fails or is killed has not taken long."""
    assert expected == lengths(partitions(flow, *range(50)))


def test_a_hole_parts_stretches() -> None:
    """An hour without documents is none that could be processed."""
    hours = partitions(SNAPSHOT_FLOW, 3, 0, 1, 4, 6)

    assert [[0, 1], [3, 4], [6]] == [
        [(one.start - FIRST) // timedelta(hours=1) for one in stretch]
        for stretch in stretches(hours, lambda _: 0)
    ]


def test_documents_bound_a_stretch_and_one_partition_may_be_larger() -> None:
    """2,000 coins a minute are 120,000 documents an hour; memory must not grow with the stretch."""
    hours = partitions(SNAPSHOT_FLOW, *range(6))

    assert [2, 2, 2] == lengths(hours, documents=MOST_DOCUMENTS // 2)
    assert [1] * 6 == lengths(hours, documents=MOST_DOCUMENTS + 1)


def test_hours_and_days_never_share_a_stretch() -> None:
    """A run has one partitioning."""
    mixed = [*partitions(SNAPSHOT_FLOW, 0, 1), *partitions(HISTORY_FLOW, 0, 1)]

    assert [{HISTORY_FLOW.asset}, {SNAPSHOT_FLOW.asset}] == sorted(
        ({one.asset for one in stretch} for stretch in stretches(mixed, lambda _: 0)), key=str
    )
