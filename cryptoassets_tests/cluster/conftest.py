"""The cluster that the tests share."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from cryptoassets.embedded import Stack
from cryptoassets_tests.cluster.standalone import Cluster, cluster_in


@pytest.fixture(scope="package")
def cluster(stack: Stack, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    """A master and two workers; tests set the URLs that the workers' tasks read."""
    folder: Path = tmp_path_factory.mktemp("cluster")
    with cluster_in(folder, stack.java_home()) as started:
        yield started
