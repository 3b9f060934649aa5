"""The one way to a SparkSession: dagster-pyspark's resource, configured from the settings.

What goes here: how a session is made small, quick and quiet. What stays out: what it computes.
"""

import os
import sys
import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any

import dagster as dg
import pyarrow as pa
from dagster_pyspark import LazyPySparkResource
from pyspark import SparkContext
from pyspark.sql import DataFrame, SparkSession

from cryptoassets.embedded import Stack
from cryptoassets.embedded.java_options import compiled_plans
from cryptoassets.embedded.jvm import Jvm, start_jvm
from cryptoassets.embedded.owners import own_folder
from cryptoassets.environment import java_environment, set_pyspark_variables_aside
from cryptoassets.resources.spark_jvm import spark_config
from cryptoassets.resources.workers import ship_package
from cryptoassets.settings import load_settings
from cryptoassets.workers import code_hash, run_task

_LOCK = threading.Lock()
MANY_ROWS = 20_000
"""From so many rows on a plan is worth being compiled, and rows of the driver a file."""
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

    @property
    def executors(self) -> int:
        """How many executors the session has by now; Spark on this machine is one."""
        context = self.session.sparkContext
        if str(context.master).startswith("local"):
            return 1
        # The driver is in the list, too.
        known = int(context._jsc.sc().getExecutorMemoryStatus().size())  # noqa: SLF001
        return max(1, known - 1)

    def prepare_for(self, rows: int | None = None) -> None:
        """Have the plans that follow compiled, unless they read few rows; None: unknown."""
        is_worth_it = rows is None or rows >= MANY_ROWS
        for name, value in compiled_plans(is_worth_it=is_worth_it).items():
            self.session.conf.set(name, value)

    def tasks(
        self, work: Callable[[int], Iterable[pa.RecordBatch]], number: int, schema: str
    ) -> DataFrame:
        """Rows that tasks make, each task from its number; they are made when the rows are used.

        Args:
            work: a function, or a `partial` of one, of a module that workers can import. It gets
                the number of the task and makes its batches.
            number: how many tasks.
            schema: of the batches, as Spark DDL.
        """
        run = partial(run_task, work=work, code=code_hash())
        return self.session.range(0, number, 1, number).mapInArrow(run, schema)


@contextmanager
def _jvm(master: str, config: dict[str, Any], stack: Stack) -> Iterator[None]:
    """Have a JVM to which PySpark connects, unless this process has one."""
    if SparkContext._gateway is not None:  # noqa: SLF001 - no public way to ask
        yield
        return
    set_pyspark_variables_aside()
    environment = java_environment(master, stack.java_home())
    folder = own_folder(stack.spark_folder / "local")
    jvm = start_jvm(config, environment, folder, stack.log_of("spark"))
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
