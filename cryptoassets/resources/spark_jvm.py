"""Configures Spark's JVM from the current settings, and starts it before it is needed.

What goes here: code that needs neither Dagster nor PySpark, because importing them takes as long as
starting the JVM. What stays out: the session (in `spark`), the process (in `embedded.jvm`).
"""

import contextlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from cryptoassets.embedded import Stack
from cryptoassets.embedded.java_options import compiled_plans
from cryptoassets.embedded.jvm import end_prestarted_jvm, prestart_jvm
from cryptoassets.embedded.owners import process_folder
from cryptoassets.environment import java_environment
from cryptoassets.errors import CryptoassetsError
from cryptoassets.resources.spark_cores import cores_per_run
from cryptoassets.settings import load_settings

_LOG_CONFIG = Path(__file__).parent / "log4j2.properties"
_SHARED = {
    "spark.app.name": "cryptoassets",
    "spark.api.mode": "classic",
    "spark.sql.session.timeZone": "UTC",
    "spark.sql.execution.arrow.pyspark.enabled": "true",
    "spark.sql.ansi.enabled": "true",
    **compiled_plans(is_worth_it=False),
    # Spark's web UI has no log-in, so any web page could send requests to its buttons.
    "spark.ui.killEnabled": "false",
    # Otherwise each Column call records the line that made the call, for messages that we do not
    # show. Recording takes 0.9 s of the 1.6 s for building one snapshot's plan.
    "spark.python.sql.dataFrameDebugging.enabled": "false",
    # A byte that changed on the disk must cause an error, not a wrong price.
    "spark.hadoop.parquet.page.verify-checksum.enabled": "true",
    # The same compression as in files that tasks write.
    "spark.sql.parquet.compression.codec": "zstd",
    # Not Spark's default, INT96, which other readers take for nanoseconds without a time zone.
    "spark.sql.parquet.outputTimestampType": "TIMESTAMP_MICROS",
    "spark.ui.showConsoleProgress": "false",
}
"""Settings of every session. They contain no sizes: a cluster's own configuration sets those."""
_LOCAL = {
    # A cluster's own configuration sets this, if the package is installed on its workers.
    "spark.python.daemon.module": "cryptoassets.worker_daemon",
    "spark.ui.enabled": "false",
    "spark.driver.host": "127.0.0.1",
    "spark.driver.bindAddress": "127.0.0.1",
    "spark.driver.memory": "768m",
    "spark.sql.shuffle.partitions": "2",
    "spark.default.parallelism": "2",
    # The UI is off, so little needs to be kept for it. By default, Spark keeps the plans of 1,000
    # executions, which would fill a small heap.
    "spark.sql.ui.retainedExecutions": "20",
    "spark.ui.retainedJobs": "50",
    # Hadoop ignores the process's umask. With this umask, only our user can read the Parquet.
    "spark.hadoop.fs.permissions.umask-mode": "077",
    "spark.ui.retainedStages": "50",
    "spark.ui.retainedTasks": "500",
}
"""Further settings of a local driver, sized for 100 coins or 200,000 documents."""


@contextlib.contextmanager
def prestarted_jvm(*, is_long_lived: bool = False) -> Iterator[None]:
    """Start the JVM in the background while a command imports modules and prepares its work.

    The first session uses this JVM. If no session does, it is killed when the block ends. Errors
    are reported when the session starts, not here.

    Args:
        is_long_lived: see `SparkResource.is_long_lived`.
    """
    with contextlib.suppress(CryptoassetsError, OSError):
        settings = load_settings()
        # If the settings do not determine the source, only the server at COINCAP_URL knows it, and
        # this server may be down.
        if settings.known_source is not None:
            stack = Stack(settings)
            master = settings.spark_master
            prestart_jvm(
                spark_config(master, stack, is_long_lived=is_long_lived),
                java_environment(master, stack.java_home()),
                process_folder(stack.spark_folder / "local"),
                stack.log_of("spark"),
            )
    try:
        yield
    finally:
        end_prestarted_jvm()


def spark_config(master: str, stack: Stack, *, is_long_lived: bool = False) -> dict[str, Any]:
    """Return Spark's configuration for the current settings.

    All of Spark's folders are below CRYPTOASSETS_HOME.
    """
    folder = process_folder(stack.spark_folder / "local")
    java_options = [
        f"-Dlog4j2.configurationFile={_LOG_CONFIG.as_uri()}",
        # These options avoid /tmp: if it were full, a signal would end the JVM, or the first job
        # would fail.
        "-XX:-UsePerfData",
        f'-Djava.io.tmpdir="{folder}"',
        f'-XX:ErrorFile="{stack.log_of("java_error_%p")}"',
    ]
    if master.startswith("local"):
        # Rows go through the Python workers, so the JVM needs only a small heap. The default size
        # of the heap depends on the machine's memory.
        java_options += ["-XX:+UseSerialGC", "-Xms128m", "-Xmn64m"]
        # Java's default, 20 MB, would cause three collections of the whole heap at the start.
        java_options += ["-XX:MetaspaceSize=192m"]
        java_options += stack.java_options(is_long_lived=is_long_lived)
    cores = cores_per_run(load_settings())
    return {
        "spark.master": master,
        **_SHARED,
        **(_LOCAL if master.startswith("local") else {}),
        # If executors have one core each, a run gets executors on several workers.
        **({"spark.cores.max": str(cores)} if cores else {}),
        "spark.driver.extraJavaOptions": " ".join(java_options),
        "spark.local.dir": str(folder),
        "spark.sql.warehouse.dir": str(stack.spark_folder / "warehouse"),
    }
