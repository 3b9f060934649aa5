"""Platforms of a test's own, and one whose hour holds odd values, read by many."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from cryptoassets.embedded import Stack
from cryptoassets.resources.spark import SparkResource
from cryptoassets_tests.e2e.platforms import Platform, new_platform


@pytest.fixture
def platform(
    stack: Stack, spark: SparkResource, migrated_template: str, tmp_path: Path
) -> Iterator[Platform]:
    """Empty stores and a simulator, all the test's own."""
    with new_platform(stack, migrated_template, tmp_path) as made:
        yield made
