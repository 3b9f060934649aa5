"""Dagster runs the checks of the marts on rows that the tests insert."""

from datetime import UTC, datetime, timedelta

import dagster as dg
import pytest

from cryptoassets.checks.marts import coin_candles_prices_in_order
from cryptoassets.partitions.policies import DAILY
from cryptoassets.resources.postgres import PostgresResource

pytestmark = pytest.mark.postgres

DAY = datetime(2019, 6, 6, tzinfo=UTC)
"""A Thursday."""
GOOD = ("good", "d1", DAY, 2, 4, 1, 3, 300, 288, "snapshots")
"""More points than expected are fine: snapshots may be more frequent than every 5 minutes."""
BROKEN = [
    ("high", "h1", DAY, 2, 2, 1, 3, 1, 12, "snapshots"),
    ("low", "h4", DAY, 2, 4, 3, 3, 1, 48, "snapshots"),
    ("points", "d1", DAY, 2, 4, 1, 3, 25, 24, "history"),
    ("week", "w1", DAY - timedelta(days=3), 0, 4, 0, 3, 1, 7, "mixed"),
]
OTHER_DAY = ("other", "d1", DAY - timedelta(days=1), 2, 1, 3, 3, 1, 288, "snapshots")
"""A broken candle of another day, which the check must not report."""


@dg.asset(key=["marts", "coin_candles"], partitions_def=DAILY)
def published() -> None:
    """Replace the real asset; the test inserts its rows."""


def evaluation(postgres: PostgresResource) -> dg.AssetCheckEvaluation:
    """Evaluate the check for the day."""
    result = dg.materialize(
        [published, coin_candles_prices_in_order],
        partition_key=f"{DAY:%Y-%m-%d}",
        resources={"postgres": postgres},
    )
    (found,) = result.get_asset_check_evaluations()
    return found


def test_candles_with_contradictory_values_are_reported(postgres: PostgresResource) -> None:
    """Charts and trading strategies rely on consistent candles."""
    with postgres.connect() as connection:
        connection.cursor().executemany(
            "INSERT INTO marts.coin_candles (coin_id, interval, start_at, open, high, low, close, "
            "points, points_expected, source) VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s)",
            [GOOD, *BROKEN, OTHER_DAY],
        )

    failed = evaluation(postgres)
    with postgres.connect() as connection:
        connection.execute("DELETE FROM marts.coin_candles WHERE coin_id NOT IN ('good', 'other')")
    passed = evaluation(postgres)

    assert (False, dg.AssetCheckSeverity.ERROR) == (failed.passed, failed.severity)
    assert failed.description == (
        "high h1 of 2019-06-06 00:00; low h4 of 2019-06-06 00:00; points d1 of 2019-06-06 00:00; "
        "week w1 of 2019-06-03 00:00"
    )
    assert passed.passed
