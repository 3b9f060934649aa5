"""The one way to a SparkSession: dagster-pyspark's resource, configured from the settings.

What goes here: how a session is made small, quick and quiet. What stays out: what it computes.
"""

import os
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import dagster as dg
from dagster_pyspark import LazyPySparkResource
from pyspark import SparkContext
from pyspark.sql import SparkSession

from cryptoassets.embedded import Stack
from cryptoassets.embedded.jvm import Jvm, start_jvm
from cryptoassets.environment import java_environment, set_pyspark_variables_aside
from cryptoassets.resources.spark_jvm import spark_config
from cryptoassets.resources.workers import ship_package
from cryptoassets.settings import load_settings

_LOCK = threading.Lock()
_jvms: list[Jvm] = []
"""The JVM of this process, once there is one; its standard input stays open as long as it lives."""


class SparkResource(dg.ConfigurableResource[SparkSession]):
    """Hands out the session of this process; made on first use, kept until the process ends."""

    is_long_lived: bool = False
    """The process stays for hours: its JVM may take the time to compile well."""

    @property
    def session(self) -> SparkSession:
        """The SparkSession, on `SPARK_MASTER`.

        Raises:
            EmbeddedError: no Java was found, or it did not start.
        """
        settings = load_settings()
        stack = Stack(settings)
        config = spark_config(settings.spark_master, stack, is_long_lived=self.is_long_lived)
        with _LOCK, _jvm(settings.spark_master, config, stack):
            session: SparkSession = LazyPySparkResource(spark_config=config).spark_session
            ship_package(session)
        return session


@contextmanager
def _jvm(master: str, config: dict[str, Any], stack: Stack) -> Iterator[None]:
    """Have a JVM to which PySpark connects, unless this process has one."""
    if SparkContext._gateway is not None:  # noqa: SLF001 - no public way to ask
        yield
        return
    set_pyspark_variables_aside()
    environment = java_environment(master, stack.java_home())
    jvm = start_jvm(config, environment, stack.spark_folder, stack.log_of("spark"))
    _jvms.append(jvm)
    ours = {
        "PYSPARK_PYTHON": sys.executable,
        "PYSPARK_GATEWAY_PORT": str(jvm.port),
        "PYSPARK_GATEWAY_SECRET": jvm.secret,
    }
    os.environ.update(ours)
    try:
        yield
    finally:
        for name in ours:
            del os.environ[name]
        if SparkContext._gateway is None:  # noqa: SLF001
            jvm.end()


def words_of_jvm() -> str:
    """Return the last that the JVM of this process printed."""
    return _jvms[-1].said() if _jvms else ""


def exit_code_of_jvm() -> int | None:
    """Return the code that the JVM of this process ended with; None: it lives, or there is none."""
    return _jvms[-1].process.poll() if _jvms else None
