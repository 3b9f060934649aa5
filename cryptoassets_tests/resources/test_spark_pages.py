"""Promise on Spark's own pages, which know no log-in."""

import pytest

from cryptoassets.embedded import Stack
from cryptoassets.resources.spark_jvm import spark_config


@pytest.mark.parametrize("master", ["local[*]", "spark://spark-master:7077"])
def test_nothing_can_be_killed_from_a_page_of_the_driver(stack: Stack, master: str) -> None:
    """Any web page could press its buttons, and on a cluster of the user's own it is shown."""
    assert "false" == spark_config(master, stack)["spark.ui.killEnabled"]
