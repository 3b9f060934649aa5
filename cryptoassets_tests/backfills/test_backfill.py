"""The remaining work of a backfill and its cost."""

from datetime import UTC, datetime, timedelta

import pytest

from cryptoassets.backfills.backfill import chunks, days_between, group_consecutive, unfinished
from cryptoassets.backfills.gaps import detect_gaps
from cryptoassets.backfills.request import HistoryRequest
from cryptoassets.backfills.resource import HistoryResource
from cryptoassets.backfills.windows import backfill_cost
from cryptoassets.coincap.credits import Budget
from cryptoassets.partitions.spans import Span
from cryptoassets.resources.mongo import MongoResource
from cryptoassets.resources.postgres import PostgresResource
from cryptoassets_tests.backfills.history_data import T0, HistoryData, at

DAY = timedelta(days=1)
MONTH = datetime(2026, 11, 1, tzinfo=UTC)


def test_ninety_days_are_thirteen_chunks_of_whole_days() -> None:
    """A range that starts at noon includes the whole first day."""
    days = days_between(T0 + timedelta(hours=12), T0 + 90 * DAY)

    assert (90, 13, 6) == (len(days), len(chunks(days)), len(chunks(days)[-1]))
    assert (T0, T0 + 90 * DAY) == (days[0][0], days[-1][1])


def test_consecutive_days_are_one_run() -> None:
    """A finished day in between is not processed again; the days around it become two runs."""
    days = days_between(T0, T0 + 5 * DAY)

    assert [days[:2], days[3:]] == group_consecutive([*days[:2], *days[3:]])


def test_the_cost_counts_calls_and_credits_by_coin() -> None:
    """`--dry-run` prints these numbers."""
    costs = backfill_cost(
        {"a": [Span(T0, T0 + 90 * DAY)], "b": [Span(T0, T0 + DAY)], "c": []}, "h1"
    )

    assert {(3, 123): 1, (1, 3): 1, (0, 0): 1} == dict(costs.groups)
    assert (4, 126) == (costs.calls, costs.credits)


@pytest.mark.parametrize(
    ("coins", "spent", "months"), [(1, 0, 1), (13, 0, 1), (14, 0, 2), (13, 3000, 2), (100, 0, 8)]
)
def test_the_cost_is_converted_to_months(coins: int, spent: int, months: int) -> None:
    """In a whole month, 1,600 of 4,000 credits can be used for history."""
    costs = backfill_cost({str(coin): [Span(T0, T0 + 90 * DAY)] for coin in range(coins)}, "h1")

    assert months == costs.months(Budget(4000, spent, MONTH))
    assert costs.months(Budget(0, 0, MONTH)) is None


@pytest.mark.mongo
@pytest.mark.postgres
def test_a_day_is_finished_if_nothing_is_missing_and_all_raw_documents_are_published(
    history_data: HistoryData, mongo: MongoResource, postgres: PostgresResource
) -> None:
    """The ledger and the data lake decide this, not Dagster's events."""
    for day, rows in ((0, 24), (1, 24), (2, 20), (4, 24), (5, 0)):
        history_data.insert_raw(f"bitcoin-{day}", range(24 * day, 24 * day + 24)) if rows else None
        history_data.insert_ledger_row(day, rows, expired=day == 5)
    wanted = {"ethereum": [Span(at(30), at(31))]}

    days = unfinished(mongo, postgres, wanted, days_between(T0, T0 + 7 * DAY))

    assert [1, 2] == [(start - T0).days for start, _ in days]


@pytest.mark.mongo
@pytest.mark.postgres
def test_answered_windows_and_missing_coins_are_not_requested_again(
    history_data: HistoryData, mongo: MongoResource, postgres: PostgresResource
) -> None:
    """Restarting a backfill does not cost credits for windows that were already answered."""
    history_data.insert_window("bitcoin", 0, 24, "points")
    history_data.insert_window("bitcoin", 30, 40, "empty")
    history_data.insert_window("bitcoin", 40, 44, "failed")
    history_data.insert_window("lost", 0, 1, "not_found")
    history = HistoryResource(mongo=mongo, postgres=postgres)

    wanted = history.wanted(HistoryRequest(T0, at(48), coins=("bitcoin", "lost", "new")), at(48))

    assert {
        "bitcoin": [(at(24), at(30)), (at(40), at(48))],
        "new": [(at(0), at(48))],
    } == wanted


@pytest.mark.mongo
@pytest.mark.postgres
def test_gaps_are_requested_again_even_if_they_were_answered_before(
    history_data: HistoryData, mongo: MongoResource, postgres: PostgresResource
) -> None:
    """Answers from before the detection do not count. Gaps close to each other need one call."""
    history_data.insert_points("bitcoin", [hour for hour in range(49) if hour not in (5, 9, 40)])
    history_data.insert_window("bitcoin", 0, 49, "points")
    detect_gaps(mongo, postgres, "h1", at(48.5))
    history = HistoryResource(mongo=mongo, postgres=postgres)
    request = HistoryRequest(T0, at(49), gaps_only=True)

    before = history.wanted(request, at(49))
    history_data.insert_window("bitcoin", 40, 41, "empty", fetched_at=at(48.6))

    assert {"bitcoin": [(at(5), at(10)), (at(40), at(41))]} == before
    assert {"bitcoin": [(at(5), at(10))]} == history.wanted(request, at(49))


@pytest.mark.mongo
@pytest.mark.postgres
def test_the_coins_are_the_top_coins_of_the_newest_snapshot(
    history_data: HistoryData,
    mongo: MongoResource,
    postgres: PostgresResource,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """COINCAP_COINS limits the number of coins; documents of other programs are ignored."""
    monkeypatch.setenv("COINCAP_COINS", "2")
    for coin, rank, hour in (("old", "1", 0), ("b", "2", 5), ("a", "1", 5), ("c", "3", 5)):
        payload = {"id": coin, "rank": rank}
        history_data.lake["coin_snapshots"].insert_one(
            {"_id": coin, "coin_id": coin, "observed_at": at(hour), "payload": payload}
        )
    history_data.lake["coin_snapshots"].insert_one({"_id": 1, "observed_at": at(5)})
    history = HistoryResource(mongo=mongo, postgres=postgres)

    assert ("a", "b") == history.coins()
