"""Spark's JVM for the settings in force: its configuration, and its start before it is needed.

What goes here: what needs neither Dagster nor PySpark, whose imports take as long as the JVM does.
What stays out: the session (in `spark`), the process (in `embedded.jvm`).
"""

import contextlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from cryptoassets.embedded import Stack
from cryptoassets.embedded.java_options import compiled_plans
from cryptoassets.embedded.jvm import begin_jvm, end_begun_jvm
from cryptoassets.embedded.owners import own_folder
from cryptoassets.environment import java_environment
from cryptoassets.errors import CryptoassetsError
from cryptoassets.settings import load_settings

_LOG_CONFIG = Path(__file__).parent / "log4j2.properties"


@contextlib.contextmanager
def jvm_begun(*, is_long_lived: bool = False) -> Iterator[None]:
    """Have the JVM start while a command imports and does what comes first.

    The first session uses it; if there is none, the JVM is killed when the block ends. Errors are
    reported when the session starts, not here.

    Args:
        is_long_lived: as `SparkResource.is_long_lived`.
    """
    with contextlib.suppress(CryptoassetsError, OSError):
        settings = load_settings()
        # Else the server at the URL has to be asked whose data it is, and may be away.
        if settings.known_source is not None:
            stack = Stack(settings)
            master = settings.spark_master
            begin_jvm(
                spark_config(master, stack, is_long_lived=is_long_lived),
                java_environment(master, stack.java_home()),
                own_folder(stack.spark_folder / "local"),
                stack.log_of("spark"),
            )
    try:
        yield
    finally:
        end_begun_jvm()


def spark_config(master: str, stack: Stack, *, is_long_lived: bool = False) -> dict[str, Any]:
    """Spark's configuration for the settings in force.

    One driver for 100 coins or 200,000 documents: no UI, two shuffle partitions a core pair,
    folders below our home. A cluster keeps its own sizes.
    """
    shared = {
        "spark.app.name": "cryptoassets",
        "spark.api.mode": "classic",
        "spark.sql.session.timeZone": "UTC",
        "spark.sql.execution.arrow.pyspark.enabled": "true",
        "spark.sql.ansi.enabled": "true",
        **compiled_plans(is_worth_it=False),
        # Spark's pages have no log-in: any web page could press their buttons.
        "spark.ui.killEnabled": "false",
        # Else each call on a Column notes its place in our code, for messages that we replace by
        # our own: 0.9 s of the 1.6 s that the plan of one snapshot takes to write down.
        "spark.python.sql.dataFrameDebugging.enabled": "false",
        # A byte that changed on the disk is an error, and not another price.
        "spark.hadoop.parquet.page.verify-checksum.enabled": "true",
        # As tasks compress what they write.
        "spark.sql.parquet.compression.codec": "zstd",
        # Not Spark's INT96, which other readers take for nanoseconds without a time zone.
        "spark.sql.parquet.outputTimestampType": "TIMESTAMP_MICROS",
    }
    folder = own_folder(stack.spark_folder / "local")
    java_options = [
        f"-Dlog4j2.configurationFile={_LOG_CONFIG.as_uri()}",
        # Not /tmp: a full one would end the JVM by a signal, or fail the first job.
        "-XX:-UsePerfData",
        f'-Djava.io.tmpdir="{folder}"',
        f'-XX:ErrorFile="{stack.log_of("java_error_%p")}"',
    ]
    local = {
        # A cluster names it in its own configuration, once its workers have it installed.
        "spark.python.daemon.module": "cryptoassets.worker_daemon",
        "spark.ui.enabled": "false",
        "spark.driver.host": "127.0.0.1",
        "spark.driver.bindAddress": "127.0.0.1",
        "spark.driver.memory": "768m",
        "spark.sql.shuffle.partitions": "2",
        "spark.default.parallelism": "2",
        # Kept for pages that nobody is shown here: plans of 1,000 executions fill a small heap.
        "spark.sql.ui.retainedExecutions": "20",
        "spark.ui.retainedJobs": "50",
        # Hadoop sets modes itself, whatever the umask of the process; Parquet is its user's alone.
        "spark.hadoop.fs.permissions.umask-mode": "077",
        "spark.ui.retainedStages": "50",
        "spark.ui.retainedTasks": "500",
    }
    if master.startswith("local"):
        # Rows pass by it, through the workers: a small heap will do, and it would begin as large as
        # the machine's memory suggests.
        java_options += ["-XX:+UseSerialGC", "-Xms64m", "-Xmn32m"]
        java_options += stack.java_options(is_long_lived=is_long_lived)
    return {
        "spark.master": master,
        **shared,
        **(local if master.startswith("local") else {}),
        "spark.ui.showConsoleProgress": "false",
        "spark.driver.extraJavaOptions": " ".join(java_options),
        "spark.local.dir": str(folder),
        "spark.sql.warehouse.dir": str(stack.spark_folder / "warehouse"),
    }
