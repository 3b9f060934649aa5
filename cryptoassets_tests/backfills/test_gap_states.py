"""The state of a gap: healed when it is filled, unfillable when no call can fill it, else open."""

import psycopg
import pytest

from cryptoassets_tests.backfills.conftest import Detect
from cryptoassets_tests.backfills.history_data import NOW, HistoryData, at, without_hours

pytestmark = [pytest.mark.mongo, pytest.mark.postgres]


def test_a_filled_gap_is_healed_and_opens_again_if_points_disappear(
    history_data: HistoryData, detect: Detect
) -> None:
    """A row shows the current state of its gap."""
    history_data.insert_points("bitcoin", without_hours(5, 6, 7))
    detect()

    history_data.insert_points("bitcoin", [5, 6, 7])
    healed = detect(NOW + 0.1)
    states = [history_data.read_gaps()]
    history_data.delete_points("bitcoin", [5, 6])
    detect(NOW + 0.2)
    states.append(history_data.read_gaps())

    assert 1 == len(healed.healed)
    assert [[("bitcoin", 5, 8, "healed")], [("bitcoin", 5, 7, "open")]] == states


def test_the_rest_of_a_partly_filled_gap_stays_open(
    history_data: HistoryData, detect: Detect
) -> None:
    """The rest keeps its `detected_at`; responses received since then can make it unfillable."""
    history_data.insert_points("bitcoin", without_hours(5, 6, 7))
    detect()

    history_data.insert_points("bitcoin", [5])
    found = detect(NOW + 0.1)

    assert [("bitcoin", 5, 6, "healed"), ("bitcoin", 6, 8, "open")] == history_data.read_gaps()
    assert at(NOW) == found.open[0].detected_at


def test_a_gap_that_is_still_open_after_an_response_is_unfillable(
    history_data: HistoryData, detect: Detect
) -> None:
    """An open gap would be requested again and again, and cost credits each time."""
    history_data.insert_points("bitcoin", without_hours(5))
    history_data.insert_window("bitcoin", 0, 49, "points")
    first = detect()

    history_data.insert_window("bitcoin", 5, 6, "empty", fetched_at=at(NOW + 0.05))
    second, third = detect(NOW + 0.1), detect(NOW + 0.2)

    assert (1, 0, 0) == (len(first.open), len(second.open), len(third.open))
    assert 1 == len(second.unfillable)
    assert [("bitcoin", 5, 6, "unfillable")] == history_data.read_gaps()


def test_a_gap_whose_response_is_not_published_yet_stays_open(
    history_data: HistoryData, detect: Detect
) -> None:
    """The gap is unfillable only if the point is still missing after its day was processed."""
    history_data.insert_points("bitcoin", without_hours(5))
    detect()
    history_data.insert_window("bitcoin", 5, 6, "points", fetched_at=at(NOW + 0.05))
    history_data.insert_raw("bitcoin", [5])

    waiting = detect(NOW + 0.1)
    history_data.insert_ledger_row(0, 1)
    quarantined = detect(NOW + 0.2)

    assert 1 == len(waiting.open)
    assert ([], 1) == (quarantined.open, len(quarantined.unfillable))


@pytest.mark.parametrize("outcome", ["failed", None])
def test_a_gap_whose_call_failed_or_was_not_made_stays_open(
    history_data: HistoryData, detect: Detect, outcome: str | None
) -> None:
    """A 503 does not show whether the source has the points."""
    history_data.insert_points("bitcoin", without_hours(5))
    detect()
    if outcome:
        history_data.insert_window("bitcoin", 5, 6, outcome, fetched_at=at(NOW + 0.05))

    assert 1 == len(detect(NOW + 0.1).open)


def test_an_unfillable_gap_is_healed_when_it_is_filled_after_all(
    history_data: HistoryData, detect: Detect
) -> None:
    """The source may deliver the missing point later, for example."""
    history_data.insert_points("bitcoin", without_hours(5))
    detect()
    history_data.insert_window("bitcoin", 5, 6, "empty", fetched_at=at(NOW + 0.05))
    detect(NOW + 0.1)

    history_data.insert_points("bitcoin", [5])
    detect(NOW + 0.2)

    assert [("bitcoin", 5, 6, "healed")] == history_data.read_gaps()


def test_the_growing_gap_of_a_delisted_coin_is_one_row(
    history_data: HistoryData, detect: Detect
) -> None:
    """The gap after the last point grows every day."""
    history_data.insert_points("gone", range(40))
    for day in range(3):
        hour = NOW + 24 * day
        detect(hour)
        history_data.insert_window("gone", 40, int(hour) + 1, "empty", fetched_at=at(hour + 0.1))
        detect(hour + 0.2)

    assert [("gone", 40, 97, "unfillable")] == history_data.read_gaps()


def test_the_gaps_of_a_coin_that_no_longer_exists_at_the_source_are_unfillable(
    history_data: HistoryData, detect: Detect
) -> None:
    """The coin is not requested again, so its gaps could never be healed."""
    history_data.insert_points("gone", range(40))
    history_data.insert_window("gone", 40, 49, "not_found")

    assert [] == detect().open
    detect(NOW + 3)
    assert [("gone", 40, 52, "unfillable")] == history_data.read_gaps()


def test_a_gap_whose_days_expire_is_unfillable_and_not_healed(
    history_data: HistoryData, detect: Detect
) -> None:
    """The gap was not filled; retention deleted the day that contains it."""
    history_data.insert_points("bitcoin", without_hours(5, 10))
    detect()
    history_data.insert_window("bitcoin", 5, 6, "points", fetched_at=at(NOW + 1))
    history_data.insert_ledger_row(0, 0)
    detect(NOW + 2)
    before = history_data.read_gaps()

    with psycopg.connect(history_data.url) as connection:
        connection.execute("UPDATE warehouse.loads SET expired_at = now()")
    detect(NOW + 3)

    assert ["unfillable", "open"] == [state for *_, state in before[:2]]
    assert ["unfillable", "unfillable"] == [state for *_, state in history_data.read_gaps()[:2]]
