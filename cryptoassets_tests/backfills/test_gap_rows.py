"""The new rows of `warehouse.gaps` for one coin, computed without stores."""

from dataclasses import replace

from cryptoassets.backfills.book import CallRecords
from cryptoassets.backfills.gap_rows import CoinGaps, Gap
from cryptoassets.partitions.spans import Span
from cryptoassets_tests.backfills.history_data import at


def hours(start: int, end: int) -> Span:
    """Return a span in hours since T0."""
    return Span(at(start), at(end))


def gap(start: int, end: int, *, unfillable: bool = False) -> Gap:
    """Return a row that was detected at hour 48."""
    return Gap("bitcoin", at(start), at(end), at(48), unfillable=unfillable)


def coin_gaps(*holes: Span, first_point: int | None = 0) -> CoinGaps:
    """Return the input of a detection at hour 50, without any call records."""
    first = None if first_point is None else at(first_point)
    return CoinGaps("bitcoin", [*holes], [], CallRecords(), first, at(50), lambda _: True)


def test_a_new_hole_is_an_open_gap() -> None:
    """The new gap's `detected_at` is the time of this detection."""
    kept, dropped = coin_gaps(hours(5, 8)).reconcile([])

    assert [Gap("bitcoin", at(5), at(8), at(50))] == kept
    assert [] == dropped


def test_a_gap_that_now_starts_earlier_stays_one_row_and_keeps_its_detection_time() -> None:
    """With a new detection time, the gap's points would be requested again."""
    kept, dropped = coin_gaps(hours(5, 13)).reconcile([gap(10, 13)])

    assert [gap(5, 13)] == kept
    assert [gap(10, 13)] == dropped


def test_a_gap_whose_points_exist_now_is_healed() -> None:
    """If only its first points exist, the healed gap ends where the remaining hole begins."""
    whole, _ = coin_gaps().reconcile([gap(5, 8)])
    part, _ = coin_gaps(hours(6, 8)).reconcile([gap(5, 8)])

    assert [replace(gap(5, 8), healed_at=at(50))] == whole
    assert [replace(gap(5, 6), healed_at=at(50)), gap(6, 8)] == part


def test_a_gap_in_the_time_before_the_listing_is_unfillable() -> None:
    """The gap is no longer a hole, because the source answered that it has no points there."""
    later, _ = coin_gaps(first_point=30).reconcile([gap(25, 30)])
    never, _ = coin_gaps(first_point=None).reconcile([gap(25, 30)])

    assert [gap(25, 30, unfillable=True)] == later == never


def test_adjacent_unfillable_gaps_become_one_row() -> None:
    """Without merging, a delisted coin, whose last gap grows every day, would get a row per day."""
    rows = [gap(5, 6, unfillable=True), gap(6, 8, unfillable=True), gap(9, 10, unfillable=True)]

    kept, dropped = coin_gaps(hours(5, 8), hours(9, 10)).reconcile(rows)

    assert [gap(5, 8, unfillable=True), rows[2]] == kept
    assert [rows[1]] == dropped
