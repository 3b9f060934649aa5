"""Spark's web UI, which has no log-in."""

import pytest

from cryptoassets.embedded import Stack
from cryptoassets.resources.spark_jvm import spark_config


@pytest.mark.parametrize("master", ["local[*]", "spark://spark-master:7077"])
def test_no_job_can_be_killed_from_the_drivers_web_ui(stack: Stack, master: str) -> None:
    """Any web page could send the request of a kill button. On a cluster, the UI is enabled."""
    assert "false" == spark_config(master, stack)["spark.ui.killEnabled"]
