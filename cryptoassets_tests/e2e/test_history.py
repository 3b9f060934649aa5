"""Story of history: a range of days fetched, cleaned and published by one run, and once only."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest

from cryptoassets.embedded import Stack
from cryptoassets.resources.spark import SparkResource
from cryptoassets_tests.e2e.platforms import Platform, new_platform

pytestmark = [pytest.mark.mongo, pytest.mark.postgres, pytest.mark.spark]

DAYS = 4
LAST = (datetime.now(UTC) - timedelta(days=2)).replace(hour=0, minute=0, second=0, microsecond=0)
FIRST = LAST - timedelta(days=DAYS - 1)
RANGE = {
    "dagster/asset_partition_range_start": f"{FIRST:%Y-%m-%d}",
    "dagster/asset_partition_range_end": f"{LAST:%Y-%m-%d}",
}


@pytest.fixture(scope="module")
def fetched(
    stack: Stack,
    spark: SparkResource,
    migrated_template: str,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Platform]:
    """Five coins whose history of some days was fetched by one run over the range."""
    folder = tmp_path_factory.mktemp("history")
    with new_platform(stack, migrated_template, folder, COINCAP_COINS="5") as made:
        result = made.execute("history", None, tags=RANGE)
        assert result.success
        yield made


def test_every_point_of_the_range_is_published_once(fetched: Platform) -> None:
    """Five coins, four days, h1."""
    rows = fetched.stores.rows(
        "SELECT count(*), count(DISTINCT (coin_id, observed_at)) FROM warehouse.coin_price_history"
    )
    assert [(480, 480)] == rows
