"""A platform whose open hour one test after the other fills, asset by asset."""

from collections.abc import Iterator

import pytest

from cryptoassets.embedded import Stack
from cryptoassets.resources.spark import SparkResource
from cryptoassets_tests.e2e.platforms import Platform, new_platform


@pytest.fixture(scope="module")
def platform(
    stack: Stack,
    spark: SparkResource,
    migrated_template: str,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Platform]:
    """Empty stores and a simulator, shared by a module."""
    with new_platform(stack, migrated_template, tmp_path_factory.mktemp("assets")) as made:
        yield made
