"""Creates the process's SparkSession, with dagster-pyspark and the project's settings.

What goes here: creating a session, preparing it for many or few rows, and running tasks in its
Python workers. What stays out: what the session computes.
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
from cryptoassets.embedded.owners import process_folder
from cryptoassets.environment import java_environment, remove_pyspark_variables
from cryptoassets.resources.spark_executors import STOPPING, executor_count, watch_executors
from cryptoassets.resources.spark_jvm import spark_config
from cryptoassets.resources.workers import ship_package
from cryptoassets.settings import load_settings
from cryptoassets.workers import code_hash, run_task

_LOCK = threading.Lock()
MANY_ROWS = 20_000
"""With at least this many rows, plans are compiled, and the driver passes its rows to Spark in a
file."""
_jvms: list[Jvm] = []
"""The JVMs that this process has started, the current one last. They are kept here because a JVM
exits when its standard input is closed."""


class SparkResource(dg.ConfigurableResource[SparkSession]):
    """Provides this process's session, which is created on first use and kept until the end."""

    is_long_lived: bool = False
    """Whether the process runs for hours; if so, its JVM spends more time on compiling its code."""

    @property
    def session(self) -> SparkSession:
        """This process's SparkSession, on `SPARK_MASTER`.

        Raises:
            EmbeddedError: Java was not found or did not start.
        """
        with _LOCK, STOPPING:
            running = _running_session()
            if running is not None:
                return running
            settings = load_settings()
            stack = Stack(settings)
            config = spark_config(settings.spark_master, stack, is_long_lived=self.is_long_lived)
            with _jvm(settings.spark_master, config, stack):
                session: SparkSession = LazyPySparkResource(spark_config=config).spark_session
                watch_executors(session.sparkContext)
                ship_package(session)
        return session

    @property
    def executors(self) -> int:
        """The session's current number of executors, at least 1; a local Spark counts as one."""
        context = self.session.sparkContext
        if str(context.master).startswith("local"):
            return 1
        return max(1, executor_count(context))

    def prepare_for(self, rows: int | None = None) -> None:
        """Make Spark compile the following query plans, unless they read few rows.

        Args:
            rows: how many rows the plans read; None if unknown, which counts as many.
        """
        is_worth_it = rows is None or rows >= MANY_ROWS
        for name, value in compiled_plans(is_worth_it=is_worth_it).items():
            self.session.conf.set(name, value)

    def tasks(
        self, work: Callable[[int], Iterable[pa.RecordBatch]], count: int, schema: str
    ) -> DataFrame:
        """Return a lazy DataFrame of the rows that tasks produce, each task from its index.

        Args:
            work: a function, or a `partial` of one, from a module that workers can import. It is
                called with a task's index, and yields this task's batches.
            count: number of tasks.
            schema: the batches' schema, as Spark DDL.
        """
        run = partial(run_task, work=work, code=code_hash())
        return self.session.range(0, count, 1, count).mapInArrow(run, schema)


def _running_session() -> SparkSession | None:
    """Return this process's session; None if it does not exist or was stopped."""
    # Not `getOrCreate`, which would reset every setting, including those of `prepare_for`.
    session = SparkSession._instantiatedSession  # noqa: SLF001 - the active session is per thread
    return None if session is None or session._sc._jsc is None else session  # noqa: SLF001


@contextmanager
def _jvm(master: str, config: dict[str, Any], stack: Stack) -> Iterator[None]:
    """Provide a JVM for PySpark to connect to, unless this process already has one."""
    if SparkContext._gateway is not None:  # noqa: SLF001 - no public way to ask
        yield
        return
    remove_pyspark_variables()
    environment = java_environment(master, stack.java_home())
    folder = process_folder(stack.spark_folder / "local")
    jvm = start_jvm(config, environment, folder, stack.log_of("spark"))
    _jvms.append(jvm)
    gateway = {
        "PYSPARK_PYTHON": sys.executable,
        "PYSPARK_GATEWAY_PORT": str(jvm.port),
        "PYSPARK_GATEWAY_SECRET": jvm.secret,
    }
    os.environ.update(gateway)
    try:
        yield
    finally:
        for name in gateway:
            del os.environ[name]
        if SparkContext._gateway is None:  # noqa: SLF001
            jvm.end()


def jvm_output_tail() -> str:
    """Return the end of the output of this process's JVM."""
    return _jvms[-1].output_tail() if _jvms else ""


def jvm_exit_code() -> int | None:
    """Return the exit code of this process's JVM; None if it is running or was never started."""
    return _jvms[-1].process.poll() if _jvms else None
