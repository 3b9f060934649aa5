"""Platforms of a test's own, and one whose hour holds odd values, read by many."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from cryptoassets.embedded import Stack
from cryptoassets.resources.spark import SparkResource
from cryptoassets_tests.e2e import odd_values
from cryptoassets_tests.e2e.platforms import Platform, new_platform


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
