"""Promises of the days whose marts hang on prices that changed."""

from datetime import UTC, date, datetime, timedelta

import dagster as dg
import psycopg
import pytest

from cryptoassets.resources.postgres import PostgresResource
from cryptoassets.upkeep.days import days_with_older_marts

pytestmark = [pytest.mark.postgres]

LOADED = (
    "INSERT INTO warehouse.loads VALUES ('warehouse/coin_price_history', %s, 'r', %s, %s, 0, 0, %s)"
)


def test_days_whose_prices_came_after_their_marts_are_found(
    database: str, postgres: PostgresResource
) -> None:
    """A backfill that was killed before its marts; those of snapshots may stand already."""
    now = datetime.now(UTC)
    loads = {
        "2026-01-01": (24, now + timedelta(hours=1)),  # its marts are older
        "2026-01-02": (24, now - timedelta(hours=1)),  # they are newer
        "2026-01-03": (24, now),  # there are none
        "2026-01-04": (0, now),  # there is nothing to make them of
        "2026-01-09": (24, now),  # beyond what is asked for
    }
    with psycopg.connect(database) as connection, dg.DagsterInstance.ephemeral() as instance:
        for day, (rows, at) in loads.items():
            connection.execute(LOADED, [day, rows, rows, at])
        connection.commit()
        for day in ("2026-01-01", "2026-01-02", "2026-01-02"):
            made = dg.AssetMaterialization(["marts", "coin_daily"], partition=day)
            instance.report_runless_asset_event(made)

        found = days_with_older_marts(instance, postgres, date(2026, 1, 1), date(2026, 1, 5))

    assert {date(2026, 1, 1), date(2026, 1, 3)} == found
