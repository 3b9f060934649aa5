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
    """Return the input of a detection at hour 50, without any answer since the earlier ones."""
    first = None if first_point is None else at(first_point)
    return CoinGaps("bitcoin", [*holes], [], CallRecords(), first, at(50), lambda _: True)


def test_a_new_hole_is_an_open_gap() -> None:
    """Its time of detection is now."""
    kept, dropped = coin_gaps(hours(5, 8)).reconcile([])

    assert [Gap("bitcoin", at(5), at(8), at(50))] == kept
    assert [] == dropped


def test_a_gap_that_became_part_of_an_earlier_hole_is_one_row_with_its_first_detection() -> None:
    """Otherwise its points would be requested again."""
    kept, dropped = coin_gaps(hours(5, 13)).reconcile([gap(10, 13)])

    assert [gap(5, 13)] == kept
    assert [gap(10, 13)] == dropped


def test_a_gap_whose_points_exist_now_is_healed() -> None:
    """It ends where the next hole begins."""
    whole, _ = coin_gaps().reconcile([gap(5, 8)])
    part, _ = coin_gaps(hours(6, 8)).reconcile([gap(5, 8)])

    assert [replace(gap(5, 8), healed_at=at(50))] == whole
    assert [replace(gap(5, 6), healed_at=at(50)), gap(6, 8)] == part


def test_a_gap_before_the_first_point_that_is_no_longer_expected_is_unfillable() -> None:
    """The source has answered that the coin was not listed yet."""
    later, _ = coin_gaps(first_point=30).reconcile([gap(25, 30)])
    never, _ = coin_gaps(first_point=None).reconcile([gap(25, 30)])

    assert [gap(25, 30, unfillable=True)] == later == never


def test_adjacent_unfillable_gaps_become_one_row() -> None:
    """The gap after the last point of a delisted coin grows every day."""
    rows = [gap(5, 6, unfillable=True), gap(6, 8, unfillable=True), gap(9, 10, unfillable=True)]

    kept, dropped = coin_gaps(hours(5, 8), hours(9, 10)).reconcile(rows)

    assert [gap(5, 8, unfillable=True), rows[2]] == kept
    assert [rows[1]] == dropped
