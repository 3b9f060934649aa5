"""Splitting and joining time spans, and the names of partitions."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cryptoassets.partitions.spans import (
    Span,
    folder_name,
    folder_window,
    joined,
    partition_around,
    partition_name,
    partition_window,
    partitions_in,
    partitions_overlapping,
    rebuild_command,
    uncovered,
    within,
)
from cryptoassets_tests.transforms.snapshots import NO_TIME_LIMIT

T0 = datetime(2026, 1, 5, tzinfo=UTC)
HOUR = timedelta(hours=1)


def hours(start: int, end: int) -> Span:
    """Return the span from hour `start` to hour `end`, counted from T0."""
    return Span(T0 + start * HOUR, T0 + end * HOUR)


SPANS = st.tuples(st.integers(0, 200), st.integers(1, 80)).map(lambda p: hours(p[0], p[0] + p[1]))


@NO_TIME_LIMIT
@given(wanted=SPANS, known=st.lists(SPANS, max_size=6))
def test_each_wanted_hour_is_either_known_or_uncovered(wanted: Span, known: list[Span]) -> None:
    """Otherwise an hour would be fetched twice, or never."""
    left = uncovered(wanted, known)

    for index in range(300):
        hour = hours(index, index + 1)
        is_wanted, is_known = bool(within([wanted], hour)), bool(within(known, hour))
        assert len(within(left, hour)) == int(is_wanted and not is_known)


def test_holes_close_to_each_other_are_joined() -> None:
    """An additional call costs as much as 18 points, so nearby holes are fetched in one call."""
    holes = [hours(0, 1), hours(5, 6), hours(40, 41)]

    assert [hours(0, 6), hours(40, 41)] == joined(holes, nearer_than=18 * HOUR)
    assert [hours(0, 2), hours(3, 4)] == joined([hours(1, 2), hours(3, 4), hours(0, 1)])


def test_uncovered_spans_exclude_known_spans() -> None:
    """No part of a window that was already fetched is requested again."""
    assert [hours(0, 2), hours(5, 9)] == uncovered(hours(0, 9), [hours(2, 5), hours(9, 12)])
    assert [] == uncovered(hours(2, 5), [hours(0, 3), hours(1, 2), hours(3, 9)])


def test_a_span_that_only_touches_the_bounds_is_not_within_them() -> None:
    """Otherwise an empty window, which contains no point, would be requested."""
    assert [hours(3, 5)] == within([hours(0, 3), hours(2, 5), hours(9, 12)], hours(3, 9))


@pytest.mark.parametrize(
    ("name", "folder", "window"),
    [
        ("2026-01-05-07:00", "hour=2026-01-05T07", hours(7, 8)),
        ("2026-01-06", "day=2026-01-06", hours(24, 48)),
    ],
)
def test_the_name_and_the_folder_of_a_partition_match_its_span(
    name: str, folder: str, window: Span
) -> None:
    """Dagster's keys, the ledger's keys and the folder names must mean the same hour or day."""
    length = window.end - window.start
    assert (window, name) == (partition_window(name), partition_name(window))
    assert (window, folder) == (folder_window(folder), folder_name(window))
    assert window == partition_around(window.end - timedelta(milliseconds=1), length)


def test_names_that_no_partition_has_are_not_parsed() -> None:
    """A folder of another program is skipped; a mistyped key raises an error that quotes it."""
    with pytest.raises(ValueError, match="2026-01-05-07:30"):
        partition_window("2026-01-05-07:30")
    assert [None, None] == [folder_window(name) for name in ("week=2026-01-05", "day=monday")]


def test_a_span_of_several_partitions_is_named_by_its_start_and_end() -> None:
    """Logs and errors show this name; it is no key of Dagster."""
    assert "2026-01-05T00:00..2026-01-05T05:00" == partition_name(hours(0, 5))


def test_all_partitions_that_a_span_overlaps_are_returned() -> None:
    """Partly covered hours at both ends are included; the hour after the end is not."""
    quarter = timedelta(minutes=15)
    overlapped = [hours(1, 2), hours(2, 3), hours(3, 4)]

    assert overlapped == partitions_overlapping(
        Span(T0 + HOUR + quarter, T0 + 3 * HOUR + quarter), HOUR
    )
    assert (
        overlapped == partitions_overlapping(hours(1, 4), HOUR) == partitions_in(hours(1, 4), HOUR)
    )


def test_the_rebuild_command_contains_both_ends_of_the_span() -> None:
    """Users copy the command into a terminal."""
    expected = "`cryptoassets rebuild --from 2026-01-05T01:00:00 --to 2026-01-05T04:00:00`"

    assert expected == rebuild_command(hours(1, 4))
