"""Recorded history is loaded exactly, point by point."""

import json
from collections.abc import Iterator
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path

import pytest

from cryptoassets.backfills.request import COINS_TAG
from cryptoassets.coincap_server.sources import replayed_source
from cryptoassets.partitions.policies import range_tags
from cryptoassets_tests.coincap_server.fixtures import samples
from cryptoassets_tests.e2e.platforms import MakePlatform, Platform

__all__ = ["samples"]

pytestmark = [pytest.mark.mongo, pytest.mark.postgres, pytest.mark.spark]
SAMPLE = "v2-2023-03"


@pytest.fixture(scope="module")
def recorded(samples: Path, make_platform: MakePlatform) -> Iterator[Platform]:
    """A platform whose source replays recorded responses."""
    app = replayed_source(samples / SAMPLE)
    with make_platform(app) as platform:
        yield platform


@pytest.mark.parametrize(
    ("interval", "first", "last", "points"),
    [
        pytest.param("h1", "2023-02-01", "2023-03-03", 720, marks=pytest.mark.long),
        ("m5", "2023-03-16", "2023-03-17", 288),
    ],
)
def test_every_recorded_point_is_loaded_with_its_decimals(
    recorded: Platform, samples: Path, interval: str, first: str, last: str, points: int
) -> None:
    """The `h1` points take two calls; none is lost or duplicated where the two ranges meet."""
    file = samples / SAMPLE / f"history_bitcoin_{interval}.json"
    expected = {
        (
            datetime.fromtimestamp(point["time"] / 1000, UTC),
            Decimal(point["priceUsd"]),
            Decimal(point["circulatingSupply"]),
        )
        for point in json.loads(file.read_bytes())["data"]
    }
    platform = recorded.with_settings(COINCAP_HISTORY_INTERVAL=interval)

    tags = {**range_tags(first, last), COINS_TAG: "bitcoin"}
    result = platform.execute("history", None, tags=tags)

    assert result.success
    rows = platform.stores.rows(
        "SELECT observed_at, price_usd, circulating_supply FROM warehouse.coin_price_history "
        "WHERE interval = %s",
        interval,
    )
    assert points == len(rows) == len(expected)
    assert expected == set(rows)
