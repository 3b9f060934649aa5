"""Decides which tests run on the same pytest-xdist worker in `make test-e2e`.

What goes here: the groups of test files. What stays out: the number of workers (in the Makefile).
"""

from typing import Any

import pytest
from xdist.scheduler import LoadFileScheduling

# Each group uses one slow fixture of `e2e.conftest`, which every further worker would create again.
_FILES_OF_PLATFORMS = {
    "odd_platform": ("test_audit.py", "test_odd_values.py", "test_requeue.py"),
    "old_and_new": (
        "test_left_behind.py",
        "test_odd_stores.py",
        "test_rebuild.py",
        "test_retention.py",
    ),
}
_PLATFORM_OF_FILE = {
    f"cryptoassets_tests/e2e/{file}": platform
    for platform, files in _FILES_OF_PLATFORMS.items()
    for file in files
}


class ByFileAndPlatform(LoadFileScheduling):
    """Runs the tests of a file, and all files that use the same platform, on one worker."""

    def _split_scope(self, nodeid: str) -> str:
        file = super()._split_scope(nodeid)
        return _PLATFORM_OF_FILE.get(file, file)


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> ByFileAndPlatform | None:
    """Replace the scheduler of `--dist loadfile`."""
    return ByFileAndPlatform(config, log) if config.getvalue("dist") == "loadfile" else None
