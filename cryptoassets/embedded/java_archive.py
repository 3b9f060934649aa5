"""Make the class archive: `python -m cryptoassets.embedded.java_archive`, once after the set-up.

What goes here: running Spark once so that Java learns its classes. What stays out: using the
archive (in `java_options`). Nothing depends on it; without it each start takes some seconds more.
"""

import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from filelock import FileLock

from cryptoassets.embedded.java import find_java, java_folder, write_shim
from cryptoassets.embedded.java_options import ClassArchive
from cryptoassets.environment import java_environment
from cryptoassets.errors import CryptoassetsError
from cryptoassets.settings import load_settings

if TYPE_CHECKING:
    import pyarrow as pa

# What the product does in one session, so that its classes are among the learned.
_TRAINING = """
WITH parsed AS (
    SELECT id, g, try_cast(p AS DECIMAL(38, 18)) AS price, to_json(struct(id, p)) AS payload,
           filter(array(IF(p IS NULL, 'missing', NULL), 'x'), r -> r IS NOT NULL) AS reasons,
           timestamp_millis(id * 1000) AS observed_at, sha2(p, 256) AS hash
    FROM raw
), ranked AS (
    SELECT *, row_number() OVER (PARTITION BY g ORDER BY observed_at DESC, id) AS place,
           avg(price) OVER (PARTITION BY g ORDER BY id ROWS BETWEEN 7 PRECEDING AND CURRENT ROW)
               AS mean
    FROM parsed
)
SELECT a.id, a.g, a.price, a.reasons, a.observed_at, a.payload, from_json(a.payload, 'id INT') AS j,
       CASE WHEN a.place = 1 THEN 'valid' ELSE 'superseded' END AS outcome, b.total
FROM ranked a LEFT JOIN (
    SELECT g, sum(price) AS total, max_by(id, observed_at) AS last, stddev(price) AS spread
    FROM parsed GROUP BY g
) b ON a.g = b.g
ORDER BY a.id
"""


def main() -> None:
    """Make the archive unless it is there; say in one sentence why not."""
    try:
        folder = java_folder(load_settings().home)
        archive = ClassArchive(folder, find_java())
        if archive.is_made or not archive.is_nameable:
            return
        began = time.monotonic()
        make(archive)
        sys.stdout.write(f"Java prepared for quick starts ({time.monotonic() - began:.0f} s)\n")
    except (CryptoassetsError, OSError, subprocess.SubprocessError) as error:
        sys.stdout.write(f"Java is not prepared for quick starts, all works without: {error}\n")


def make(archive: ClassArchive) -> None:
    """Run Spark once and keep what Java learned; archives of other versions are deleted."""
    archive.folder.mkdir(parents=True, exist_ok=True)
    with FileLock(archive.folder / "archive.lock"):
        if archive.is_made:
            return
        for old in archive.folder.glob("*.jsa*"):
            old.unlink()
        options = []
        if archive.base is not None:
            command = [str(archive.java), "-Xshare:dump", f"-XX:SharedArchiveFile={archive.base}"]
            subprocess.run(command, check=True, capture_output=True)
            options.append(f"-XX:SharedArchiveFile={archive.base}")
        aside = archive.classes.with_suffix(".jsa-new")
        options += [f"-XX:ArchiveClassesAtExit={aside}", "-Xlog:disable"]
        _train([*options, "-XX:TieredStopAtLevel=1"], archive)
        aside.rename(archive.classes)


def _train(java_options: list[str], archive: ClassArchive) -> None:
    ours = java_environment("local[2]", write_shim(archive.folder, archive.java))
    ours["PYSPARK_PYTHON"] = sys.executable
    # This process does nothing else, and PySpark hands all of its environment to Java.
    os.environ.clear()
    os.environ.update(ours)
    with tempfile.TemporaryDirectory(dir=archive.folder) as scratch, _quiet_stderr():
        _run_spark(java_options, Path(scratch))


def _run_spark(java_options: list[str], scratch: Path) -> None:
    import pyarrow as pa  # noqa: PLC0415 -- only whoever trains pays for these imports
    from pyspark import SparkContext  # noqa: PLC0415
    from pyspark.sql import SparkSession  # noqa: PLC0415

    builder = SparkSession.builder.master("local[2]").config("spark.ui.enabled", "false")
    for key, value in {
        "spark.driver.extraJavaOptions": " ".join(java_options),
        "spark.driver.memory": "1g",
        "spark.sql.shuffle.partitions": "2",
        "spark.local.dir": str(scratch / "local"),
        "spark.sql.warehouse.dir": str(scratch / "warehouse"),
    }.items():
        builder = builder.config(key, value)
    session = builder.getOrCreate()
    rows = {"id": list(range(200)), "g": [i % 7 for i in range(200)], "p": ["1.5"] * 200}
    session.createDataFrame(pa.table(rows)).createOrReplaceTempView("raw")
    session.sql(_TRAINING).write.partitionBy("g").parquet(str(scratch / "rows"))
    read = session.read.parquet(str(scratch / "rows"))
    read.where("price > 0").toArrow()
    read.selectExpr("count(*)", "count_if(size(reasons) > 1)").collect()
    session.range(0, 2, 1, 2).mapInArrow(_as_it_is, "id BIGINT").collect()
    session.stop()
    # The archive is written when the JVM ends, which it does when nobody talks to it any more.
    gateway = SparkContext._gateway  # noqa: SLF001 -- no public way to its process
    if gateway is not None:
        gateway.shutdown()
        gateway.proc.stdin.close()
        gateway.proc.wait(timeout=300)


def _as_it_is(batches: Iterator["pa.RecordBatch"]) -> Iterator["pa.RecordBatch"]:
    return batches


class _quiet_stderr:  # noqa: N801 -- used like a function
    """Send what Java and Spark write to stderr nowhere; their greetings would alarm a newcomer."""

    def __enter__(self) -> None:
        self._kept = os.dup(2)
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, 2)
        os.close(nowhere)

    def __exit__(self, *_: object) -> None:
        os.dup2(self._kept, 2)
        os.close(self._kept)


if __name__ == "__main__":
    main()
