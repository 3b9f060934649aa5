"""Platforms for tests: an empty one per test, and filled ones that many tests read or copy."""

from collections.abc import Iterator
from contextlib import AbstractContextManager
from pathlib import Path

import pytest

from cryptoassets.coincap_server.server import App
from cryptoassets.embedded import Stack
from cryptoassets.resources.spark import SparkResource
from cryptoassets_tests.e2e import odd_values
from cryptoassets_tests.e2e.platforms import (
    HOUR_FORMAT,
    MakePlatform,
    Platform,
    copied,
    new_platform,
    this_hour,
)


@pytest.fixture(scope="session")
def make_platform(
    stack: Stack,
    spark: SparkResource,
    migrated_template: str,
    tmp_path_factory: pytest.TempPathFactory,
) -> MakePlatform:
    """Return a function that creates a platform with empty stores; see `new_platform`."""

    def make(app: App | None = None, **settings: str) -> AbstractContextManager[Platform]:
        folder = tmp_path_factory.mktemp("platform")
        return new_platform(stack, migrated_template, folder, app, **settings)

    return make


@pytest.fixture
def platform(make_platform: MakePlatform) -> Iterator[Platform]:
    """Empty stores and a simulator for one test."""
    with make_platform() as platform:
        yield platform


@pytest.fixture(scope="session")
def odd_platform(make_platform: MakePlatform) -> Iterator[Platform]:
    """Stores after one run in which the source sent all `odd_values`. Tests may only read them."""
    with make_platform() as platform:
        platform.put_faults({"route": "/assets", "kind": "patch", "coins": odd_values.PATCHES})
        platform.results.append(platform.command("run"))
        platform.put_faults()
        yield platform


@pytest.fixture
def copy(odd_platform: Platform, stack: Stack, tmp_path: Path) -> Iterator[Platform]:
    """A copy of `odd_platform`, with quarantined rows and dead letters; a test may damage it."""
    with copied(odd_platform, stack, tmp_path) as platform:
        yield platform


@pytest.fixture(scope="session")
def old_and_new(make_platform: MakePlatform) -> Iterator[Platform]:
    """Stores with an hour 40 days ago and the current hour, each with a refused document.

    Tests may only read them.
    """
    with make_platform(COINCAP_COINS="5") as platform:
        shift = {"route": "/assets", "kind": "timestamp", "shift_ms": -40 * 86_400_000}
        platform.put_faults(shift)
        assert platform.execute("ingest", this_hour()).success
        observed_at = platform.stores.documents()[0]["observed_at"]
        with platform.stores.lake() as lake:
            foreign = {"_id": "foreign", "observed_at": observed_at, "fetched_at": observed_at}
            lake["coin_snapshots"].insert_one(foreign)
        assert platform.execute("process", observed_at.strftime(HOUR_FORMAT)).success
        assert platform.execute("marts", observed_at.strftime("%Y-%m-%d")).success
        without_price = {"tether": {"delete": ["priceUsd"]}}
        platform.put_faults({"route": "/assets", "kind": "patch", "coins": without_price})
        finished = platform.command("run")
        assert finished.code == 0, finished.text
        platform.put_faults()
        yield platform


@pytest.fixture
def two_hours(old_and_new: Platform, stack: Stack, tmp_path: Path) -> Iterator[Platform]:
    """A copy of `old_and_new` that a test may change."""
    with copied(old_and_new, stack, tmp_path) as platform:
        yield platform
