"""One run that computes the marts of several days gives the same rows as one run per day."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import dagster as dg
import pytest

from cryptoassets.partitions.policies import range_tags
from cryptoassets.resources.postgres import PostgresResource, ensure_months
from cryptoassets_tests.e2e.platforms import MakePlatform, Platform
from cryptoassets_tests.e2e.stores import Dump

pytestmark = [pytest.mark.mongo, pytest.mark.postgres, pytest.mark.spark, pytest.mark.timeout(400)]

FIRST = datetime(2026, 10, 20, tzinfo=UTC)
DAYS = [f"{FIRST + timedelta(days=number):%Y-%m-%d}" for number in range(8, 11)]
RANGE = range_tags(DAYS[0], DAYS[-1])
MARTS = ("marts.coin_daily", "marts.market_daily")
# Counted from 0, day 9 has no snapshot, and bitcoin has an old slug before day 5.
_PRICES = """
    INSERT INTO warehouse.coin_prices
    (coin_id, observed_at, price_usd, market_cap_usd, rank, source, fetched_at, raw_id)
    SELECT coin, at, 100 + (extract(epoch from at)::bigint / 3600 * weight) %% 17, 1000 * weight, 1,
        'simulator', at, coin || at
    FROM generate_series(%(first)s::timestamptz, %(last)s, '6 hours') AS at,
        (VALUES ('bitcoin', 3), ('old-bitcoin', 3), ('ethereum', 5)) AS coins (coin, weight)
    WHERE at::date <> %(without)s AND (coin <> 'bitcoin' OR at >= %(renamed)s)
    AND (coin <> 'old-bitcoin' OR at < %(renamed)s)
"""
_HISTORY = """
    INSERT INTO warehouse.coin_price_history
    (coin_id, interval, observed_at, price_usd, source, fetched_at, raw_id)
    SELECT 'ethereum', 'h1', at, 90 + extract(hour from at), 'simulator', at, at::text
    FROM generate_series(%(first)s::timestamptz, %(last)s, '1 hour') AS at
"""
_LEDGER = """
    INSERT INTO warehouse.loads VALUES ('warehouse/coin_prices', %s, 'run', 1, 1, 0, 0, now())
"""


@dataclass(frozen=True)
class Results:
    """The marts of the same days, computed in one run and in one run per day."""

    by_range: dg.ExecuteInProcessResult
    dump_by_range: Dump
    by_day: list[dg.ExecuteInProcessResult]
    dump_by_day: Dump


def plant(platform: Platform) -> None:
    """Insert twelve days of prices and history into the tables, without runs."""
    facts = {
        "first": FIRST,
        "last": FIRST + timedelta(days=12, seconds=-1),
        "without": (FIRST + timedelta(days=9)).date(),
        "renamed": FIRST + timedelta(days=5),
    }
    with platform.applied_settings(), PostgresResource().connect() as connection:
        ensure_months(connection, [FIRST.date()])
        connection.execute(_PRICES, facts)
        connection.execute(_HISTORY, facts)
        connection.execute("INSERT INTO warehouse.coin_aliases VALUES ('old-bitcoin', 'bitcoin')")
        for day in DAYS:
            connection.execute(_LEDGER, [f"{day}-00:00"])


@pytest.fixture(scope="module")
def results(make_platform: MakePlatform) -> Iterator[Results]:
    """Compute the marts once for all tests, because each run takes seconds."""
    with make_platform() as platform:
        plant(platform)
        by_range = platform.execute("marts", None, tags=RANGE)
        dump = platform.stores.dump()
        platform.stores.rows(f"TRUNCATE {', '.join(MARTS)}")
        by_day = [platform.execute("marts", day) for day in DAYS]
        yield Results(by_range, dump, by_day, platform.stores.dump())


def test_one_run_gives_the_same_rows_as_one_run_per_day(results: Results) -> None:
    """The rows are identical: look-back, history and aliases do not depend on the range."""
    assert results.by_range.success
    assert all(result.success for result in results.by_day)
    for table in MARTS:
        assert results.dump_by_range[table]
        assert results.dump_by_day[table] == results.dump_by_range[table]


def test_each_day_has_a_materialization_with_its_own_count(results: Results) -> None:
    """The day without snapshots has one coin: ethereum, from its history."""
    materializations = [
        event.step_materialization_data.materialization
        for event in results.by_range.all_events
        if event.is_step_materialization
    ]
    counts = {
        (one.asset_key.path[1], one.partition): one.metadata["dagster/partition_row_count"].value
        for one in materializations
    }

    assert [2, 1, 2] == [counts["coin_daily", day] for day in DAYS]
    assert [1, 1, 1] == [counts["market_daily", day] for day in DAYS]
