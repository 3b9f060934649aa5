"""A platform on which the tests of a module materialize assets."""

from collections.abc import Iterator

import pytest

from cryptoassets_tests.e2e.conftest import make_platform
from cryptoassets_tests.e2e.platforms import MakePlatform, Platform

__all__ = ["make_platform"]


@pytest.fixture(scope="module")
def platform(make_platform: MakePlatform) -> Iterator[Platform]:
    """A simulator and stores that are empty at first, shared by the tests of a module."""
    with make_platform() as platform:
        yield platform
