"""Counts and checksums: changed partitions are found without reading unchanged documents."""

from datetime import UTC, datetime, timedelta

import psycopg
import pytest

from cryptoassets.partitions.spans import Span
from cryptoassets.resources.mongo import MongoResource
from cryptoassets.resources.postgres import PostgresResource, ensure_months
from cryptoassets.schemas import HISTORY_FLOW, SNAPSHOT_FLOW
from cryptoassets.stores.checksums import rows_checksums
from cryptoassets.stores.mongodb import Lake
from cryptoassets.upkeep.unchanged import RawCounts, published_and_raw, raw_counts
from cryptoassets_tests.backfills.history_data import HOUR, T0

HOURS = [T0, T0 + HOUR, T0 + 2 * HOUR]


def plant(lake: Lake, *moments: datetime) -> None:
    """Insert one raw document per time."""
    lake["coin_snapshots"].insert_many([{"observed_at": moment} for moment in moments])


@pytest.mark.mongo
def test_an_extra_document_does_not_hide_a_missing_one_in_another_hour(
    lake: Lake, mongo: MongoResource
) -> None:
    """The total is correct, so each hour must be counted separately."""
    plant(lake, T0, T0, HOURS[2] + timedelta(minutes=5))
    ledger = dict.fromkeys(HOURS, 1)

    counted = raw_counts(mongo, SNAPSHOT_FLOW, ledger)

    counts = dict(zip(HOURS, (2, 0, 1), strict=True))
    assert RawCounts(counts, are_exact=True, are_all=True) == counted


@pytest.mark.mongo
@pytest.mark.parametrize("seconds", [60.0, 0.0], ids=["one by one", "by longer windows"])
def test_documents_of_hours_that_are_not_in_the_ledger_are_found(
    lake: Lake, mongo: MongoResource, seconds: float
) -> None:
    """Causes: a lost ledger, or a fetch that was not processed; the hours may be years apart."""
    others = [T0 - timedelta(days=900), HOURS[1], T0 + timedelta(days=900)]
    before_all_partitions = datetime(1950, 1, 1, tzinfo=UTC)
    plant(lake, T0, *others, HOURS[1], before_all_partitions)

    counted = raw_counts(mongo, SNAPSHOT_FLOW, {T0: 1}, seconds=seconds)

    assert {T0: 1, others[0]: 1, HOURS[1]: 2, others[2]: 1} == counted.counts
    assert counted.are_exact is (seconds > 0)
    assert not counted.are_all


@pytest.mark.mongo
def test_an_undated_document_is_noticed(lake: Lake, mongo: MongoResource) -> None:
    """The document is in no partition, so only the total of the collection reveals it."""
    plant(lake, T0)
    lake["coin_snapshots"].insert_one({"observed_at": "2026-06-01"})

    counted = raw_counts(mongo, SNAPSHOT_FLOW, {T0: 1})

    assert RawCounts({T0: 1}, are_exact=True, are_all=False) == counted


@pytest.mark.mongo
def test_an_empty_lake_has_no_partition(mongo: MongoResource) -> None:
    """The first audit may come before the first run."""
    assert RawCounts({}, are_exact=True, are_all=True) == raw_counts(mongo, HISTORY_FLOW, {})


@pytest.mark.mongo
@pytest.mark.postgres
def test_rows_of_all_months_have_a_checksum_with_or_without_a_ledger_row(
    lake: Lake, mongo: MongoResource, postgres: PostgresResource, database: str
) -> None:
    """A month that has rows but no ledger row reveals a lost ledger."""
    plant(lake, T0)
    moments = [datetime(2019, 12, 31, 23, tzinfo=UTC), T0, datetime(2026, 3, 1, tzinfo=UTC)]
    with psycopg.connect(database) as connection:
        ensure_months(connection, [moment.date() for moment in moments])
        for moment in moments:
            connection.execute(
                "INSERT INTO warehouse.coin_prices (coin_id, observed_at, price_usd, rank, source, "
                "fetched_at, raw_id) VALUES ('bitcoin', %s, 1, 1, 'simulator', now(), 'a')",
                [moment],
            )
        connection.execute(
            "INSERT INTO warehouse.loads VALUES "
            "('warehouse/coin_prices', '2026-06-01-00:00', 'r', 1, 1, 0, 0, now())"
        )

    notes: list[str] = []
    found, raw = published_and_raw(mongo, postgres, SNAPSHOT_FLOW, notes.append)

    assert set(moments) == found.checksums.keys()
    assert [datetime(2026, 6, 1, tzinfo=UTC)] == list(found.ledger)
    assert "warehouse/coin_prices 2026-06" == notes[-1]
    assert {datetime(2026, 6, 1, tzinfo=UTC): 0, T0: 1} == raw.counts
    assert not raw.are_all
    with postgres.connect() as connection:
        hour = Span(moments[0], moments[0] + HOUR)
        alone = rows_checksums(connection.cursor(), SNAPSHOT_FLOW, hour)
    assert [found.checksums[moments[0]]] == list(alone.values())
