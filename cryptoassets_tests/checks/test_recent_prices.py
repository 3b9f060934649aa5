"""The checks read a bounded number of recent prices."""

from datetime import UTC, datetime, timedelta

import pyarrow.compute as pc
import pytest

from cryptoassets.checks.recent_prices import RecentPrices
from cryptoassets.partitions.spans import Span
from cryptoassets.resources.postgres import PostgresResource, ensure_months

pytestmark = pytest.mark.postgres

HOUR_END = datetime(2026, 11, 23, 14, tzinfo=UTC)


@pytest.mark.parametrize("hours_of_run", [1, 5])
@pytest.mark.parametrize(
    ("minutes", "expected"),
    [(5, 24 * 12), (1, 60 + 23 * 60 // 4)],
    ids=["scheduled: all snapshots", "micro-batches: the newest hour and a sample"],
)
def test_micro_batches_are_sampled_and_scheduled_snapshots_are_not(
    postgres: PostgresResource, minutes: int, expected: int, hours_of_run: int
) -> None:
    """With one snapshot of 2,000 coins per minute, a day has 2.9 million rows."""
    with postgres.connect() as connection:
        ensure_months(connection, [HOUR_END.date()])
        connection.execute(
            "INSERT INTO warehouse.coin_prices "
            "(coin_id, observed_at, price_usd, rank, source, fetched_at, raw_id) "
            "SELECT 'bitcoin', at, 1, 1, 'simulator', at, at::text "
            "FROM generate_series(%s::timestamptz, %s, make_interval(mins => %s)) AS at",
            [HOUR_END - timedelta(hours=30), HOUR_END - timedelta(seconds=1), minutes],
        )

    hours = Span(HOUR_END - timedelta(hours=hours_of_run), HOUR_END + timedelta(hours=1))

    rows = RecentPrices(postgres, hours).before(HOUR_END)

    assert expected == rows.num_rows == pc.count_distinct(rows["observed_at"]).as_py()
    assert HOUR_END - timedelta(minutes=minutes) == pc.max(rows["observed_at"]).as_py()
    assert HOUR_END - timedelta(hours=24) <= pc.min(rows["observed_at"]).as_py()
