"""Create the class archive: `python -m cryptoassets.embedded.java_archive`, once after set-up.

What goes here: running Spark once so that Java can store Spark's classes. What stays out: using the
archive (in `java_options`). The archive is optional: without it, Spark starts a few seconds slower.
"""

import os
import shlex
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING

from filelock import FileLock

from cryptoassets.embedded.java import find_java, java_folder, write_shim
from cryptoassets.embedded.java_options import ClassArchive, compiled_plans
from cryptoassets.environment import java_environment
from cryptoassets.schemas import COIN_DAILY, COIN_PRICE_HISTORY, COIN_PRICES, Table
from cryptoassets.schemas.arrow import arrow_schema
from cryptoassets.settings import load_settings

if TYPE_CHECKING:
    import pyarrow as pa
    from pyspark.sql import DataFrame, SparkSession

_PRICES = 48
"""Hourly prices of one coin: two days."""

_MAX_SECONDS = 900
"""How long Java may take to write the archive; it takes seconds on an idle machine."""


def main() -> None:
    """Create the archive unless it exists; print the reason if that fails."""
    try:
        folder = java_folder(load_settings().home)
        archive = ClassArchive(folder, find_java())
        if archive.is_created or not archive.has_usable_path:
            return
        started = time.monotonic()
        make(archive)
        sys.stdout.write(f"Java prepared for quick starts ({time.monotonic() - started:.0f} s)\n")
    except Exception as error:  # noqa: BLE001 -- whatever fails, the archive is optional
        is_slow = isinstance(error, subprocess.TimeoutExpired)
        reason = f"Java took longer than {_MAX_SECONDS // 60} minutes" if is_slow else error
        sys.stdout.write(
            f"Java is not prepared for quick starts, which is optional: {reason}. To try again, "
            f"run `{shlex.quote(sys.executable)} -m cryptoassets.embedded.java_archive`.\n"
        )


def make(archive: ClassArchive) -> None:
    """Run Spark once and store its classes; delete archives of other versions."""
    archive.folder.mkdir(parents=True, exist_ok=True)
    with FileLock(archive.folder / "archive.lock"):
        if archive.is_created:
            return
        for old in archive.folder.glob("*.jsa*"):
            old.unlink()
        options = []
        if archive.base is not None:
            command = [str(archive.java), "-Xshare:dump", f"-XX:SharedArchiveFile={archive.base}"]
            subprocess.run(command, check=True, capture_output=True)
            options.append(f"-XX:SharedArchiveFile={archive.base}")
        temporary = archive.classes.with_suffix(".jsa-new")
        options += [f"-XX:ArchiveClassesAtExit={temporary}", "-Xlog:disable"]
        try:
            _train([*options, "-XX:TieredStopAtLevel=1"], archive)
            temporary.rename(archive.classes)
        finally:
            temporary.unlink(missing_ok=True)


def _train(java_options: list[str], archive: ClassArchive) -> None:
    environment = java_environment("local[2]", write_shim(archive.folder, archive.java))
    environment["PYSPARK_PYTHON"] = sys.executable
    # PySpark passes the whole environment of this process to Java. The environment can be replaced
    # here, because this process does nothing else.
    os.environ.clear()
    os.environ.update(environment)
    with tempfile.TemporaryDirectory(dir=archive.folder) as scratch, _quiet_stderr():
        _run_spark(java_options, Path(scratch))


def _run_spark(java_options: list[str], scratch: Path) -> None:
    from pyspark import SparkContext  # noqa: PLC0415 -- slow to import, and only needed here
    from pyspark.sql import SparkSession  # noqa: PLC0415

    builder = SparkSession.builder.master("local[2]").config("spark.ui.enabled", "false")
    for key, value in {
        "spark.driver.extraJavaOptions": " ".join(java_options),
        "spark.driver.memory": "1g",
        "spark.sql.shuffle.partitions": "2",
        # Plans are interpreted, as in each new session.
        **compiled_plans(is_worth_it=False),
        "spark.local.dir": str(scratch / "local"),
        "spark.sql.warehouse.dir": str(scratch / "warehouse"),
    }.items():
        builder = builder.config(key, value)
    session = builder.getOrCreate()
    _run_typical_workload(session, scratch)
    session.stop()
    # The JVM writes the archive when it exits, and it exits when its connections are closed.
    gateway = SparkContext._gateway  # noqa: SLF001 -- no public access to the process
    if gateway is not None:
        gateway.shutdown()
        gateway.proc.stdin.close()
        try:
            gateway.proc.wait(timeout=_MAX_SECONDS)
        finally:
            gateway.proc.kill()


def _run_typical_workload(session: "SparkSession", scratch: Path) -> None:
    """Run a Python task and the plans of the marts."""
    import pyarrow as pa  # noqa: PLC0415
    import pyarrow.parquet as pq  # noqa: PLC0415

    from cryptoassets.transforms.candles import coin_candles  # noqa: PLC0415
    from cryptoassets.transforms.marts import coin_daily, market_daily  # noqa: PLC0415

    def frame(table: Table, rows: list[dict[str, object]]) -> "DataFrame":
        path = scratch / table.name
        pq.write_table(pa.Table.from_pylist(rows, schema=arrow_schema(table)), path)
        return session.read.schema(table.spark_schema).parquet(str(path))

    session.range(0, 2, 1, 2).mapInArrow(_identity, "id BIGINT").collect()
    price = dict.fromkeys(("price_usd", "market_cap_usd", "volume_usd_24h"), Decimal("1.5"))
    start = datetime(2026, 1, 1, tzinfo=UTC)
    prices = [
        {"coin_id": "bitcoin", "observed_at": start + timedelta(hours=hour), **price}
        for hour in range(_PRICES)
    ]
    inputs = frame(COIN_PRICES, prices), frame(COIN_PRICE_HISTORY, []), dict[str, str]()
    daily = coin_daily(*inputs)
    of_day = daily.where(f"day BETWEEN DATE'{start.date()}' AND DATE'{start.date()}'").toArrow()
    coin_candles(*inputs).toArrow()
    market_daily(frame(COIN_DAILY, of_day.to_pylist())).toArrow()


def _identity(batches: Iterator["pa.RecordBatch"]) -> Iterator["pa.RecordBatch"]:
    return batches


class _quiet_stderr:  # noqa: N801 -- used like a function
    """Discard what Java and Spark write to stderr; their warnings would alarm a new user."""

    def __enter__(self) -> None:
        self._stderr = os.dup(2)
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, 2)
        os.close(nowhere)

    def __exit__(self, *_: object) -> None:
        os.dup2(self._stderr, 2)
        os.close(self._stderr)


if __name__ == "__main__":
    main()
