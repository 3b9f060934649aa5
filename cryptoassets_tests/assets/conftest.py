"""A platform on which each test materializes one asset of the current hour."""

from collections.abc import Iterator

import pytest

from cryptoassets_tests.e2e.conftest import make_platform
from cryptoassets_tests.e2e.platforms import MakePlatform, Platform

__all__ = ["make_platform"]


@pytest.fixture(scope="module")
def platform(make_platform: MakePlatform) -> Iterator[Platform]:
    """Empty stores and a simulator, shared by a module."""
    with make_platform() as platform:
        yield platform
