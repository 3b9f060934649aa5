"""Promises on what checks ask the stores."""

from datetime import UTC, datetime, timedelta

import pyarrow.compute as pc
import pytest

from cryptoassets.checks.stores import RecentPrices
from cryptoassets.partitions.spans import Span
from cryptoassets.resources.postgres import PostgresResource, ensure_months

pytestmark = pytest.mark.postgres

HOUR_END = datetime(2026, 11, 23, 14, tzinfo=UTC)


@pytest.mark.parametrize("hours_of_run", [1, 5])
@pytest.mark.parametrize(
    ("minutes", "looked_at"),
    [(5, 24 * 12), (1, 60 + 23 * 60 // 4)],
    ids=["the schedule's pace: all", "micro-batches: the newest hour and a sample"],
)
def test_behaviour_is_judged_by_a_day_that_stays_small(
    postgres: PostgresResource, minutes: int, looked_at: int, hours_of_run: int
) -> None:
    """2,000 coins a minute would be 2.9 million rows, read once a minute."""
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

    assert looked_at == rows.num_rows == pc.count_distinct(rows["observed_at"]).as_py()
    assert HOUR_END - timedelta(minutes=minutes) == pc.max(rows["observed_at"]).as_py()
    assert HOUR_END - timedelta(hours=24) <= pc.min(rows["observed_at"]).as_py()
