"""Promises of `warehouse.gaps`: every hole, none invented, and each knows what became of it."""

import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import psycopg
import pytest

from cryptoassets.history.gaps import Found, days_with_gaps, detect_gaps
from cryptoassets.partitions.spans import Span
from cryptoassets.resources.mongo import MongoResource
from cryptoassets.resources.postgres import PostgresResource
from cryptoassets_tests.history.books import T0, Books, at

pytestmark = [pytest.mark.mongo, pytest.mark.postgres]

Detect = Callable[..., Found]
NOW = 48.5
"""Hours after T0; the newest point to be expected is that of hour 48."""
WHOLE = range(49)


@pytest.fixture
def detect(mongo: MongoResource, postgres: PostgresResource) -> Detect:
    """Look for gaps at an hour."""
    return lambda hour=NOW: detect_gaps(mongo, postgres, "h1", at(hour))


def but(*missing: int) -> list[int]:
    """The whole series without some hours."""
    return [hour for hour in WHOLE if hour not in missing]


def test_a_whole_series_has_no_gap(books: Books, detect: Detect) -> None:
    """Its newest point is half an hour old."""
    books.points("bitcoin", WHOLE)

    assert [] == detect().open
    assert [] == books.gaps()


def test_holes_inside_and_at_the_end_are_listed(books: Books, detect: Detect) -> None:
    """Comparing only the ends of a series would never see the first two."""
    books.points("bitcoin", but(5, 10, 11, 12, 47, 48))
    books.points("ethereum", WHOLE)

    detect()

    assert [
        ("bitcoin", 5, 6, "open"),
        ("bitcoin", 10, 13, "open"),
        ("bitcoin", 47, 49, "open"),
    ] == books.gaps()


def test_looking_again_changes_nothing_and_an_end_that_grows_is_one_row(
    books: Books, detect: Detect
) -> None:
    """A sensor looks every ten minutes."""
    books.points("bitcoin", range(40))
    detect()
    before = books.gaps()

    again, later = detect(), detect(NOW + 3)

    assert [("bitcoin", 40, 49, "open")] == before
    assert again.open[0].detected_at == later.open[0].detected_at == at(NOW)
    assert [("bitcoin", 40, 52, "open")] == books.gaps()


def test_a_stretch_before_the_listing_is_no_gap(books: Books, detect: Detect) -> None:
    """The source answered, and had no point: there was no market yet."""
    books.window("new", 0, 20, "empty")
    books.window("new", 20, 49, "points", first=at(30))
    books.points("new", range(30, 49))

    assert [] == detect().open


@pytest.mark.parametrize(
    ("plant", "gap"),
    [
        (lambda books: books.window("new", 20, 30, "failed"), ("new", 20, 30, "open")),
        (lambda books: books.seen("new", 25), ("new", 25, 30, "open")),
        (
            lambda books: books.window("new", 20, 49, "points", first=at(26)),
            ("new", 26, 30, "open"),
        ),
    ],
    ids=["asked in vain", "seen by a snapshot", "its first points are in quarantine"],
)
def test_a_coin_that_was_there_earlier_misses_its_beginning(
    books: Books, detect: Detect, plant: Callable[[Books], None], gap: tuple[object, ...]
) -> None:
    """Its first point need not be its listing."""
    plant(books)
    books.points("new", range(30, 49))

    detect()

    assert [gap] == books.gaps()


def test_a_filled_hole_is_healed_and_one_that_comes_back_opens_again(
    books: Books, detect: Detect
) -> None:
    """A row tells the story of its hole."""
    books.points("bitcoin", but(5, 6, 7))
    detect()

    books.points("bitcoin", [5, 6, 7])
    healed = detect(NOW + 0.1)
    states = [books.gaps()]
    books.no_points("bitcoin", [5, 6])
    detect(NOW + 0.2)
    states.append(books.gaps())

    assert 1 == len(healed.healed)
    assert [[("bitcoin", 5, 8, "healed")], [("bitcoin", 5, 7, "open")]] == states


def test_a_hole_that_is_filled_in_part_leaves_its_rest_open(books: Books, detect: Detect) -> None:
    """What is left keeps the time when it was found, so that it is not asked for anew."""
    books.points("bitcoin", but(5, 6, 7))
    detect()

    books.points("bitcoin", [5])
    found = detect(NOW + 0.1)

    assert [("bitcoin", 5, 6, "healed"), ("bitcoin", 6, 8, "open")] == books.gaps()
    assert at(NOW) == found.open[0].detected_at


def test_what_was_asked_since_and_answered_in_vain_is_given_up(
    books: Books, detect: Detect
) -> None:
    """Otherwise it would be paid for for ever."""
    books.points("bitcoin", but(5))
    books.window("bitcoin", 0, 49, "points")
    first = detect()

    books.window("bitcoin", 5, 6, "empty", fetched_at=at(NOW + 0.05))
    second, third = detect(NOW + 0.1), detect(NOW + 0.2)

    assert (1, 0, 0) == (len(first.open), len(second.open), len(third.open))
    assert 1 == len(second.unfillable)
    assert [("bitcoin", 5, 6, "unfillable")] == books.gaps()


def test_an_answer_that_is_not_published_yet_gives_nothing_up(books: Books, detect: Detect) -> None:
    """The point is in the lake; its day's processing failed."""
    books.points("bitcoin", but(5))
    detect()
    books.window("bitcoin", 5, 6, "points", fetched_at=at(NOW + 0.05))
    books.raw("bitcoin", [5])

    waiting = detect(NOW + 0.1)
    books.published(0, 1)
    quarantined = detect(NOW + 0.2)

    assert 1 == len(waiting.open)
    assert ([], 1) == (quarantined.open, len(quarantined.unfillable))


@pytest.mark.parametrize("outcome", ["failed", None])
def test_what_was_asked_in_vain_or_not_at_all_stays_open(
    books: Books, detect: Detect, outcome: str | None
) -> None:
    """A 503 says nothing of the past."""
    books.points("bitcoin", but(5))
    detect()
    if outcome:
        books.window("bitcoin", 5, 6, outcome, fetched_at=at(NOW + 0.05))

    assert 1 == len(detect(NOW + 0.1).open)


def test_a_gap_that_was_given_up_is_healed_when_it_is_filled_after_all(
    books: Books, detect: Detect
) -> None:
    """A mended rule lets the point out of quarantine."""
    books.points("bitcoin", but(5))
    detect()
    books.window("bitcoin", 5, 6, "empty", fetched_at=at(NOW + 0.05))
    detect(NOW + 0.1)

    books.points("bitcoin", [5])
    detect(NOW + 0.2)

    assert [("bitcoin", 5, 6, "healed")] == books.gaps()


def test_a_coin_that_ended_is_one_row_however_often_it_is_given_up(
    books: Books, detect: Detect
) -> None:
    """Its end moves away from its last point by a day a day."""
    books.points("gone", range(40))
    for day in range(3):
        hour = NOW + 24 * day
        detect(hour)
        books.window("gone", 40, int(hour) + 1, "empty", fetched_at=at(hour + 0.1))
        detect(hour + 0.2)

    assert [("gone", 40, 97, "unfillable")] == books.gaps()


def test_a_coin_that_the_source_does_not_know_is_given_up_at_once(
    books: Books, detect: Detect
) -> None:
    """It is not asked for, so nothing could ever heal."""
    books.points("gone", range(40))
    books.window("gone", 40, 49, "not_found")

    assert [] == detect().open
    detect(NOW + 3)
    assert [("gone", 40, 52, "unfillable")] == books.gaps()


def test_days_that_retention_expired_are_no_gaps(books: Books, detect: Detect) -> None:
    """They were deleted on purpose."""
    books.points("bitcoin", [0, *range(30, 49)])
    books.published(0, 24, expired=True)

    detect()

    assert [("bitcoin", 24, 30, "open")] == books.gaps()


def test_a_gap_whose_days_expire_is_not_healed_by_that(books: Books, detect: Detect) -> None:
    """No point ever came: given up stays given up, and what was open is."""
    books.points("bitcoin", but(5, 10))
    detect()
    books.window("bitcoin", 5, 6, "points", fetched_at=at(NOW + 1))
    books.published(0, 0)
    detect(NOW + 2)
    before = books.gaps()

    with psycopg.connect(books.url) as connection:
        connection.execute("UPDATE warehouse.loads SET expired_at = now()")
    detect(NOW + 3)

    assert ["unfillable", "open"] == [state for *_, state in before[:2]]
    assert ["unfillable", "unfillable"] == [state for *_, state in books.gaps()[:2]]


def test_two_that_look_at_once_write_each_hole_once(books: Books, detect: Detect) -> None:
    """The sensor and a person."""
    books.points("bitcoin", but(5, 10))

    with ThreadPoolExecutor(4) as pool:
        found = [future.result() for future in [pool.submit(detect) for _ in range(4)]]

    assert [2] * 4 == [len(one.open) for one in found]
    assert 2 == len(books.gaps())


def test_the_days_of_gaps_are_those_that_miss_a_point(books: Books, detect: Detect) -> None:
    """Only they are processed again."""
    books.points("bitcoin", but(23, 24, 47))

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


def waiting(url: str, count: int) -> list[tuple[int, list[int]]]:
    """The sessions that wait for a lock, longest first, as soon as there are that many."""
    with psycopg.connect(url, autocommit=True) as connection:
        for _ in range(200):
            found = connection.execute(WAITING).fetchall()
            if len(found) == count:
                return found
            time.sleep(0.05)
    raise AssertionError(found)


def test_a_detection_waits_for_the_one_before_it(
    books: Books, detect: Detect, database: str
) -> None:
    """Two that compare at once would each write what it saw, and the later one wins."""
    books.points("bitcoin", but(5))

    with ThreadPoolExecutor() as pool, psycopg.connect(database) as held:
        held.execute("LOCK TABLE warehouse.gaps IN ACCESS EXCLUSIVE MODE")
        both = [pool.submit(detect)]
        ((first, _),) = waiting(database, 1)
        both.append(pool.submit(detect))
        blocked_by = dict(waiting(database, 2))
        holder = held.info.backend_pid
        held.rollback()

    assert [[holder], [first]] == list(blocked_by.values())
    assert [1, 1] == [len(one.result().open) for one in both]
