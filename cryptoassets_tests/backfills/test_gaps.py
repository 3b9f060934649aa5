"""`warehouse.gaps` lists every gap, and nothing else; `test_gap_states` tests the states."""

import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import psycopg
import pytest

from cryptoassets.backfills.gaps import days_with_gaps
from cryptoassets.partitions.spans import Span
from cryptoassets_tests.backfills.conftest import Detect
from cryptoassets_tests.backfills.history_data import (
    ALL_HOURS,
    NOW,
    T0,
    HistoryData,
    at,
    without_hours,
)

pytestmark = [pytest.mark.mongo, pytest.mark.postgres]


def test_a_complete_series_has_no_gap(history_data: HistoryData, detect: Detect) -> None:
    """The newest expected point is that of hour 48, and all points until then exist."""
    history_data.insert_points("bitcoin", ALL_HOURS)

    assert [] == detect().open
    assert [] == history_data.read_gaps()


def test_holes_inside_and_at_the_end_are_listed(history_data: HistoryData, detect: Detect) -> None:
    """Comparing only the ends of a series would miss the first two holes."""
    history_data.insert_points("bitcoin", without_hours(5, 10, 11, 12, 47, 48))
    history_data.insert_points("ethereum", ALL_HOURS)

    detect()

    assert [
        ("bitcoin", 5, 6, "open"),
        ("bitcoin", 10, 13, "open"),
        ("bitcoin", 47, 49, "open"),
    ] == history_data.read_gaps()


def test_a_second_detection_changes_nothing_and_a_growing_gap_is_one_row(
    history_data: HistoryData, detect: Detect
) -> None:
    """A sensor detects gaps every ten minutes, which must not add rows."""
    history_data.insert_points("bitcoin", range(40))
    detect()
    before = history_data.read_gaps()

    again, later = detect(), detect(NOW + 3)

    assert [("bitcoin", 40, 49, "open")] == before
    assert again.open[0].detected_at == later.open[0].detected_at == at(NOW)
    assert [("bitcoin", 40, 52, "open")] == history_data.read_gaps()


def test_the_time_before_the_listing_is_not_a_gap(
    history_data: HistoryData, detect: Detect
) -> None:
    """The source answered that it has no points there: the coin was not traded yet."""
    history_data.insert_window("new", 0, 20, "empty")
    history_data.insert_window("new", 20, 49, "points", first=at(30))
    history_data.insert_points("new", range(30, 49))

    assert [] == detect().open


@pytest.mark.parametrize(
    ("plant", "gap"),
    [
        (
            lambda history_data: history_data.insert_window("new", 20, 30, "failed"),
            ("new", 20, 30, "open"),
        ),
        (lambda history_data: history_data.insert_coin("new", 25), ("new", 25, 30, "open")),
        (
            lambda history_data: history_data.insert_window("new", 20, 49, "points", first=at(26)),
            ("new", 26, 30, "open"),
        ),
    ],
    ids=["a failed call", "in an earlier snapshot", "first points in quarantine"],
)
def test_a_coin_listed_before_its_first_stored_point_starts_with_a_gap(
    history_data: HistoryData,
    detect: Detect,
    plant: Callable[[HistoryData], None],
    gap: tuple[object, ...],
) -> None:
    """In each case, the coin counts as listed before its first stored point."""
    plant(history_data)
    history_data.insert_points("new", range(30, 49))

    detect()

    assert [gap] == history_data.read_gaps()


def test_a_listed_coin_without_history_has_one_gap(
    history_data: HistoryData, detect: Detect
) -> None:
    """The coin was listed after the last backfill, so the gap starts at its first snapshot."""
    history_data.insert_points("bitcoin", ALL_HOURS)
    history_data.insert_coin("new", 25)

    detect()

    assert [("new", 25, 49, "open")] == history_data.read_gaps()


def test_a_gap_that_grows_backwards_stays_one_row_per_coin(
    history_data: HistoryData, detect: Detect
) -> None:
    """If points before a gap disappear, a longer gap replaces it, for each coin."""
    for coin in ("bitcoin", "ethereum"):
        history_data.insert_points(coin, without_hours(10, 11))
    detect()

    for coin in ("bitcoin", "ethereum"):
        history_data.delete_points(coin, [8, 9])
    detect(NOW + 0.1)

    assert [("bitcoin", 8, 12, "open"), ("ethereum", 8, 12, "open")] == history_data.read_gaps()


def test_days_that_retention_deleted_are_not_gaps(
    history_data: HistoryData, detect: Detect
) -> None:
    """Retention deletes days on purpose."""
    history_data.insert_points("bitcoin", [0, *range(30, 49)])
    history_data.insert_ledger_row(0, 24, expired=True)

    detect()

    assert [("bitcoin", 24, 30, "open")] == history_data.read_gaps()


def test_simultaneous_detections_write_each_gap_once(
    history_data: HistoryData, detect: Detect
) -> None:
    """The sensor and a user's command may run at the same time."""
    history_data.insert_points("bitcoin", without_hours(5, 10))

    with ThreadPoolExecutor(4) as pool:
        found = [future.result() for future in [pool.submit(detect) for _ in range(4)]]

    assert [2] * 4 == [len(one.open) for one in found]
    assert 2 == len(history_data.read_gaps())


def test_only_days_that_lack_a_point_are_days_with_gaps(
    history_data: HistoryData, detect: Detect
) -> None:
    """`backfill --gaps` processes only these days."""
    history_data.insert_points("bitcoin", without_hours(23, 24, 47))

    gaps = detect().open

    both = days_with_gaps(gaps, Span(T0, at(49)))
    second = days_with_gaps(gaps, Span(at(24), at(40)))
    day = timedelta(days=1)
    assert [(T0, T0 + day), (T0 + day, T0 + 2 * day)] == both
    assert [(T0 + day, T0 + 2 * day)] == second


WAITING = """
    SELECT pid, pg_blocking_pids(pid) FROM pg_stat_activity
    WHERE datname = current_database() AND wait_event_type = 'Lock' ORDER BY query_start
"""


def await_waiting_sessions(url: str, count: int) -> list[tuple[int, list[int]]]:
    """Wait until `count` sessions wait for a lock; return them, longest wait first."""
    with psycopg.connect(url, autocommit=True) as connection:
        for _ in range(200):
            found = connection.execute(WAITING).fetchall()
            if len(found) == count:
                return found
            time.sleep(0.05)
    raise AssertionError(found)


def test_a_detection_waits_for_an_earlier_one(
    history_data: HistoryData, detect: Detect, database: str
) -> None:
    """Without waiting, a slow detection could overwrite newer rows with outdated ones."""
    history_data.insert_points("bitcoin", without_hours(5))

    with ThreadPoolExecutor() as pool, psycopg.connect(database) as held:
        held.execute("LOCK TABLE warehouse.gaps IN ACCESS EXCLUSIVE MODE")
        both = [pool.submit(detect)]
        ((first, _),) = await_waiting_sessions(database, 1)
        both.append(pool.submit(detect))
        blocked_by = dict(await_waiting_sessions(database, 2))
        holder = held.info.backend_pid
        held.rollback()

    assert [[holder], [first]] == list(blocked_by.values())
    assert [1, 1] == [len(one.result().open) for one in both]
