"""Promises of what is left of a backfill: read from the stores, and priced before it is paid."""

from datetime import UTC, datetime, timedelta

import pytest

from cryptoassets.coincap.credits import Budget
from cryptoassets.history.backfill import adjoining, chunks, days_between, unfinished
from cryptoassets.history.gaps import detect_gaps
from cryptoassets.history.request import HistoryRequest
from cryptoassets.history.resource import HistoryResource
from cryptoassets.history.windows import bill
from cryptoassets.partitions.spans import Span
from cryptoassets.resources.mongo import MongoResource
from cryptoassets.resources.postgres import PostgresResource
from cryptoassets_tests.history.books import T0, Books, at

DAY = timedelta(days=1)
MONTH = datetime(2026, 11, 1, tzinfo=UTC)


def test_ninety_days_are_thirteen_chunks_of_whole_days() -> None:
    """A stretch that begins at noon begins with its whole day."""
    days = days_between(T0 + timedelta(hours=12), T0 + 90 * DAY)

    assert (90, 13, 6) == (len(days), len(chunks(days)), len(chunks(days)[-1]))
    assert (T0, T0 + 90 * DAY) == (days[0][0], days[-1][1])


def test_days_that_follow_each_other_are_one_run() -> None:
    """A finished day in between parts them, and is not run again."""
    days = days_between(T0, T0 + 5 * DAY)

    assert [days[:2], days[3:]] == adjoining([*days[:2], *days[3:]])


def test_a_bill_counts_calls_and_credits_by_coin() -> None:
    """What `--dry-run` prints; the free plan leaves half its pace to snapshots."""
    costs = bill({"a": [Span(T0, T0 + 90 * DAY)], "b": [Span(T0, T0 + DAY)], "c": []}, "h1")

    assert {(3, 123): 1, (1, 3): 1, (0, 0): 1} == dict(costs.groups)
    assert (4, 126) == (costs.calls, costs.credits)


@pytest.mark.parametrize(
    ("coins", "spent", "months"), [(1, 0, 1), (13, 0, 1), (14, 0, 2), (13, 3000, 2), (100, 0, 8)]
)
def test_a_bill_tells_how_many_months_it_takes(coins: int, spent: int, months: int) -> None:
    """1,600 of 4,000 credits are there for history in a whole month."""
    costs = bill({str(coin): [Span(T0, T0 + 90 * DAY)] for coin in range(coins)}, "h1")

    assert months == costs.months(Budget(4000, spent, MONTH))
    assert costs.months(Budget(0, 0, MONTH)) is None


@pytest.mark.mongo
@pytest.mark.postgres
def test_a_day_is_finished_when_nothing_is_wanted_and_all_of_raw_is_published(
    books: Books, mongo: MongoResource, postgres: PostgresResource
) -> None:
    """The ledger and the lake say so; Dagster's events are not asked."""
    for day, rows in ((0, 24), (1, 24), (2, 20), (4, 24), (5, 0)):
        books.raw(f"bitcoin-{day}", range(24 * day, 24 * day + 24)) if rows else None
        books.published(day, rows, expired=day == 5)
    wanted = {"ethereum": [Span(at(30), at(31))]}

    left = unfinished(mongo, postgres, wanted, days_between(T0, T0 + 7 * DAY))

    assert [1, 2] == [(start - T0).days for start, _ in left]


@pytest.mark.mongo
@pytest.mark.postgres
def test_what_was_answered_is_not_wanted_again_and_a_lost_coin_never(
    books: Books, mongo: MongoResource, postgres: PostgresResource
) -> None:
    """Stored windows are what makes a second start free."""
    books.window("bitcoin", 0, 24, "points")
    books.window("bitcoin", 30, 40, "empty")
    books.window("bitcoin", 40, 44, "failed")
    books.window("lost", 0, 1, "not_found")
    history = HistoryResource(mongo=mongo, postgres=postgres)

    wanted = history.wanted(HistoryRequest(T0, at(48), coins=("bitcoin", "lost", "new")), at(48))

    assert {
        "bitcoin": [(at(24), at(30)), (at(40), at(48))],
        "new": [(at(0), at(48))],
    } == wanted


@pytest.mark.mongo
@pytest.mark.postgres
def test_gaps_are_asked_for_once_more_whatever_was_answered_before(
    books: Books, mongo: MongoResource, postgres: PostgresResource
) -> None:
    """And not again once an answer came since; near ones by one call."""
    books.points("bitcoin", [hour for hour in range(49) if hour not in (5, 9, 40)])
    books.window("bitcoin", 0, 49, "points")
    detect_gaps(mongo, postgres, "h1", at(48.5))
    history = HistoryResource(mongo=mongo, postgres=postgres)
    request = HistoryRequest(T0, at(49), gaps_only=True)

    before = history.wanted(request, at(49))
    books.window("bitcoin", 40, 41, "empty", fetched_at=at(48.6))

    assert {"bitcoin": [(at(5), at(10)), (at(40), at(41))]} == before
    assert {"bitcoin": [(at(5), at(10))]} == history.wanted(request, at(49))


@pytest.mark.mongo
@pytest.mark.postgres
def test_the_coins_are_the_top_of_the_newest_snapshot(
    books: Books, mongo: MongoResource, postgres: PostgresResource, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By rank, as many as a snapshot is asked for; a foreign document is none."""
    monkeypatch.setenv("COINCAP_COINS", "2")
    for coin, rank, hour in (("old", "1", 0), ("b", "2", 5), ("a", "1", 5), ("c", "3", 5)):
        payload = {"id": coin, "rank": rank}
        books.lake["coin_snapshots"].insert_one(
            {"_id": coin, "coin_id": coin, "observed_at": at(hour), "payload": payload}
        )
    books.lake["coin_snapshots"].insert_one({"_id": 1, "observed_at": at(5)})
    history = HistoryResource(mongo=mongo, postgres=postgres)

    assert ("a", "b") == history.coins()
