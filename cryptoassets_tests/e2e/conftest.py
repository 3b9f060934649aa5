"""Platforms of a test's own, and one whose hour holds odd values, read by many."""

import shutil
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from cryptoassets.embedded import Stack
from cryptoassets.resources.spark import SparkResource
from cryptoassets_tests.e2e import odd_values
from cryptoassets_tests.e2e.platforms import Platform, administer, new_platform


@pytest.fixture
def platform(
    stack: Stack, spark: SparkResource, migrated_template: str, tmp_path: Path
) -> Iterator[Platform]:
    """Empty stores and a simulator, all the test's own."""
    with new_platform(stack, migrated_template, tmp_path) as made:
        yield made


@pytest.fixture(scope="session")
def odd_platform(
    stack: Stack,
    spark: SparkResource,
    migrated_template: str,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Platform]:
    """Stores after one run whose answer held every odd value of `odd_values`; to be read only."""
    folder = tmp_path_factory.mktemp("odd")
    with new_platform(stack, migrated_template, folder) as made:
        made.put_faults({"route": "/assets", "kind": "patch", "coins": odd_values.PATCHES})
        made.finished.append(made.command("run"))
        made.put_faults()
        yield made


@pytest.fixture
def copy(odd_platform: Platform, stack: Stack, tmp_path: Path) -> Iterator[Platform]:
    """A copy of stores in which everything adds up, quarantine and dead letters included."""
    stores = odd_platform.stores
    name = f"{stores.mongo_database}_copy"
    url = stack.postgres_url(database="postgres").replace("/postgres", f"/{name}")
    administer(stack, "CREATE DATABASE {} TEMPLATE {}", name, stores.mongo_database)
    shutil.copytree(stores.clean, tmp_path / "clean")
    copied = replace(stores, mongo_database=name, postgres_url=url, clean=tmp_path / "clean")
    with stores.lake() as lake:
        for collection in ("coin_snapshots", "snapshot_fetches", "dead_letters"):
            lake.client[name][collection].insert_many(lake[collection].find({}))
        named = {"POSTGRES_URL": url, "MONGO_DATABASE": name, "CLEAN_PATH": str(copied.clean)}
        yield replace(odd_platform, stores=copied, settings=odd_platform.settings | named)
        lake.client.drop_database(name)
    administer(stack, "DROP DATABASE {} WITH (FORCE)", name)
