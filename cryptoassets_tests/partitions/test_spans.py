"""Promises of spans: what is cut out and what is left are the whole, and neighbours are joined."""

from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from cryptoassets.partitions.spans import Span, joined, within, without

T0 = datetime(2026, 1, 5, tzinfo=UTC)
HOUR = timedelta(hours=1)


def hours(start: int, end: int) -> Span:
    """A span in hours since T0."""
    return Span(T0 + start * HOUR, T0 + end * HOUR)


SPANS = st.tuples(st.integers(0, 200), st.integers(1, 80)).map(lambda p: hours(p[0], p[0] + p[1]))


@given(wanted=SPANS, known=st.lists(SPANS, max_size=6))
def test_what_is_left_and_what_is_known_make_up_what_is_wanted(
    wanted: Span, known: list[Span]
) -> None:
    """Each hour is in exactly one of the two: paid for once, missed never."""
    left = without(wanted, known)

    for number in range(300):
        hour = hours(number, number + 1)
        is_wanted, is_known = bool(within([wanted], hour)), bool(within(known, hour))
        assert len(within(left, hour)) == int(is_wanted and not is_known)


def test_holes_that_are_near_are_asked_for_by_one_call() -> None:
    """A call costs a credit, and so do 18 points."""
    holes = [hours(0, 1), hours(5, 6), hours(40, 41)]

    assert [hours(0, 6), hours(40, 41)] == joined(holes, nearer_than=18 * HOUR)
