"""A run whose application gets no executor fails with a clear message, and may be retried."""

import subprocess
import sys
from contextlib import ExitStack
from pathlib import Path

import pytest

from cryptoassets.embedded import Stack
from cryptoassets.embedded.processes import free_port
from cryptoassets_tests.cluster.standalone import (
    Cluster,
    await_page,
    daemon,
    master_command,
    worker_command,
)

pytestmark = [pytest.mark.spark, pytest.mark.timeout(400)]

DRIVER = """
import sys
from pyspark import SparkContext
from cryptoassets.errors import NoExecutorError
from cryptoassets.resources.spark import SparkResource
from cryptoassets.resources.spark_errors import spark_errors

def count():
    with spark_errors():
        return SparkResource().session.range(3).count()

try:
    count()
except NoExecutorError as error:
    print(error.is_retryable, error, flush=True)
# Wait longer now, because an executor starts slowly on a busy machine.
SparkContext._gateway.jvm.System.setProperty("spark.cryptoassets.executorWait", "5min")
sys.stdin.readline()
print(count(), flush=True)
"""
SETTINGS = """
spark.driver.host                127.0.0.1
spark.driver.bindAddress         127.0.0.1
spark.executor.memory            600m
spark.cryptoassets.executorWait  4s
"""


def test_a_run_fails_if_a_restarted_master_has_forgotten_its_application(
    stack: Stack, tmp_path: Path
) -> None:
    """Such a run once waited two hours: a driver never registers again with a restarted master."""
    port, page_port, worker_page = (free_port() for _ in range(3))
    (tmp_path / "conf").mkdir()
    (tmp_path / "conf/spark-defaults.conf").write_text(SETTINGS)
    cluster = Cluster(tmp_path, port, ())
    page, java_home = f"http://127.0.0.1:{page_port}", stack.java_home()
    master, folder = master_command(port, page_port), tmp_path / "master"
    with ExitStack() as started:
        with daemon(master, folder, java_home, {}) as killed:
            await_page(page, "ALIVE")
            driver = started.enter_context(_driver(cluster))
            await_page(page, '"name" : "cryptoassets"')
            killed.kill()
        started.enter_context(daemon(master, folder, java_home, {}))
        refusal = driver.stdout.readline() if driver.stdout else ""
        worker = worker_command(port, worker_page, tmp_path / "worker")
        started.enter_context(daemon(worker, tmp_path / "worker", java_home, {}))
        counted, _ = driver.communicate("\n")

    assert refusal.startswith(f"True The Spark cluster spark://127.0.0.1:{port} gave this run no")
    assert "for 4 s. A retry helps when the cluster has room again" in refusal
    assert "3\n" == counted


def _driver(cluster: Cluster) -> "subprocess.Popen[str]":
    return subprocess.Popen(
        [sys.executable, "-c", DRIVER],
        env=cluster.driver_environment(),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
