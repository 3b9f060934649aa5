"""Compares ways to publish documents: from 200,000 of one hour to 5 million of 120 hours."""

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from benchmarks import rows
from benchmarks.baseline import CACHE
from benchmarks.bench import Bench, Lake, in_turn
from benchmarks.homes import ROOT, Home, fresh_home, prepare_tables
from benchmarks.measuring import BenchError, Measurement, measure
from benchmarks.results import CaseResult
from benchmarks.ways.task import Task, marks_in
from cryptoassets.embedded import Stack
from cryptoassets.settings import load_settings

OURS, DISTRIBUTED, ORDINARY = "ours", "distributed Spark", "ordinary Spark"
PLAIN, DLT = "plain pyarrow", "dlt merge"
RAW_BSON, DICTS = "floor: raw BSON", "floor: dicts"

_PROGRAMS = {
    DISTRIBUTED: ("distributed_spark",),
    ORDINARY: ("ordinary_spark",),
    PLAIN: ("plain_arrow",),
    DLT: ("dlt_merge",),
    RAW_BSON: ("floors", "raw_bson"),
    DICTS: ("floors", "dicts"),
}
WAYS = (DISTRIBUTED, ORDINARY, OURS, PLAIN, DLT, RAW_BSON, DICTS)
"""All ways, in display order."""
_JDBC = "org.postgresql:postgresql:42.7.7"
_MINUTE_FORMAT = "%Y-%m-%dT%H:%M"


def one_hour(bench: Bench) -> CaseResult:
    """Publish 200,000 documents of one hour with each implementation."""
    with bench.lake("200k") as lake:
        result = compare(bench, lake, bench.select_ways(WAYS), runs=bench.number_of_runs(5))
    add_ratio(result, "cpu_vs_ordinary_200k", "cpu_seconds", ORDINARY)
    add_ratio(result, "wall_vs_ordinary_200k", "wall_seconds", ORDINARY)
    add_ratio(result, "memory_vs_ordinary_200k", "peak_pss_mb", ORDINARY)
    add_ratio(result, "wall_vs_distributed_spark_200k", "wall_seconds", DISTRIBUTED)
    add_ratio(result, "cpu_vs_plain_200k", "cpu_seconds", PLAIN)
    add_ratio(result, "wall_vs_dlt_200k", "wall_seconds", DLT)
    result.notes.append(
        "Our implementation runs the job `process` for that hour in one operating-system process."
    )
    return result


def one_million(bench: Bench) -> CaseResult:
    """Publish 1 million documents of 24 hours with each implementation that uses Spark."""
    with bench.lake("1m") as lake:
        ways = bench.select_ways((DISTRIBUTED, ORDINARY, OURS))
        result = compare(bench, lake, ways, runs=bench.number_of_runs(3))
    add_ratio(result, "wall_vs_ordinary_1m", "wall_seconds", ORDINARY)
    result.notes.append(
        "Our implementation runs `cryptoassets rebuild`, which also computes the day's marts."
    )
    return result


def five_million(bench: Bench) -> CaseResult:
    """Publish 5 million documents of 120 hours, alternating with 1 million of 24 hours."""
    result = CaseResult()
    for number in range(bench.number_of_runs(1)):
        for name in ("1m", "5m"):
            with (
                bench.lake(name) as lake,
                _running_stores_after(bench, lake, OURS) as (measured, _),
            ):
                result.add(f"{OURS}, {name}", measured)
                _report(bench, f"{OURS}, {name}", number, measured)
    for key, figure in (("wall_5m_vs_1m", "wall_seconds"), ("memory_5m_vs_1m", "peak_pss_mb")):
        result.ratios[key] = result.ratio(f"{OURS}, 5m", f"{OURS}, 1m", figure)
    result.notes.append("Each run is one `cryptoassets rebuild`, marts included.")
    return result


def compare(bench: Bench, lake: Lake, ways: Sequence[str], *, runs: int) -> CaseResult:
    """Run several ways in turn on the same documents, and compare their final rows.

    Raises:
        BenchError: a way failed, or its rows differ from the first way's rows.
    """
    result = CaseResult(notes=[f"Documents came from {bench.server.kind}."])
    first: rows.Rows | None = None
    for number, way in in_turn(ways, runs):
        with _running_stores_after(bench, lake, way) as (measured, published):
            result.add(way, measured, **marks_in(measured.output))
            _report(bench, way, number, measured)
            if published is None:
                continue
            dumped = rows.dump(
                published.postgres_url, published.target, bench.folder, f"{number}-{way}"
            )
        if first is None:
            first = dumped
        else:
            count = rows.fail_if_rows_differ(first, dumped, way)
            result.figures["rows_compared"] = count
            dumped.delete()
    if first is not None:
        first.delete()
    return result


def add_ratio(result: CaseResult, key: str, figure: str, other: str) -> None:
    """Store the ratio of our figure to another way's figure, if both ways ran."""
    if {OURS, other} <= result.ways.keys():
        result.ratios[key] = result.ratio(OURS, other, figure)


def _report(bench: Bench, way: str, number: int, measured: Measurement) -> None:
    bench.report(
        f"run {number + 1}: {way:<18} {measured.wall_seconds:7.1f} s wall, "
        f"{measured.cpu_seconds:7.1f} s CPU, {measured.peak_pss_mb:6,.0f} MB, "
        f"load before {measured.load:.1f}"
    )


@dataclass(frozen=True)
class _PublishedRows:
    postgres_url: str
    target: rows.Target


@contextmanager
def _running_stores_after(
    bench: Bench, lake: Lake, way: str
) -> Iterator[tuple[Measurement, _PublishedRows | None]]:
    """Publish with one way in a fresh home; its stores keep running until the block ends.

    The published rows are None for floors, which only read documents.
    """
    with fresh_home(MONGO_URL=lake.url, MONGO_DATABASE=lake.database) as home:
        if way == OURS:
            prepare_tables(home)
            measured = run_product(bench, lake, home)
            yield measured, _PublishedRows(home.addresses()["POSTGRES_URL"], rows.OURS)
            return
        postgres_url = home.addresses()["POSTGRES_URL"]
        measured = _run_reference(bench, lake, home, way, postgres_url)
        is_floor = way in (RAW_BSON, DICTS)
        yield measured, None if is_floor else _PublishedRows(postgres_url, rows.RIVAL)


def run_product(
    bench: Bench, lake: Lake, home: Home, *options: str, is_job: bool | None = None
) -> Measurement:
    """Publish a lake's documents with the product.

    Args:
        bench: provides the log file.
        lake: the documents.
        home: a fresh home whose tables exist.
        options: options of `process_job`; `rebuild` does not get them.
        is_job: True runs the job `process`, False the command `rebuild`. None runs the job if the
            workload has only one hour, else the command.
    """
    workload = lake.workload
    if is_job or (is_job is None and workload.hours == 1):
        program = [str(home.checkout.python), "-m", "benchmarks.ways.process_job"]
        span = [workload.start.isoformat(), workload.end.isoformat()]
        command: list[str | Path] = [*program, *span, *options]
    else:
        span = [
            "--from",
            f"{workload.start:{_MINUTE_FORMAT}}",
            "--to",
            f"{workload.end:{_MINUTE_FORMAT}}",
        ]
        command = [home.checkout.command, "rebuild", *span]
    return measure(command, home.environment, folder=ROOT, log=bench.log(home.checkout.name))


def _run_reference(
    bench: Bench, lake: Lake, home: Home, way: str, postgres_url: str
) -> Measurement:
    module, *arguments = _PROGRAMS[way]
    python = ROOT / ".venv-bench" / "bin" / "python" if way == DLT else Path(sys.executable)
    if not python.exists():
        raise BenchError(f"{python.parent.parent} is missing: `make bench` sets it up")
    workload = lake.workload
    task = Task(lake.url, lake.database, postgres_url, workload.start, workload.end)
    environment = {
        **home.environment,
        **task.as_environment(),
        # Python and Spark interpret times without a time zone as local time.
        "TZ": "UTC",
        "SPARK_FOLDER": str(home.folder / "spark-of-reference"),
    }
    if not shutil.which("java") and "JAVA_HOME" not in environment:
        environment["JAVA_HOME"] = str(Stack(load_settings()).java_home())
    if way == ORDINARY:
        environment["JDBC_JAR"] = str(_jdbc_jar())
    command: list[str | Path] = [python, "-m", f"benchmarks.ways.{module}", *arguments]
    return measure(command, environment, folder=ROOT, log=bench.log(way))


def _jdbc_jar() -> Path:
    """Return the path of PostgreSQL's JDBC driver; Spark downloads it if it is missing."""
    group, artifact, version = _JDBC.split(":")
    ivy = CACHE / "ivy"
    jar = ivy / "jars" / f"{group}_{artifact}-{version}.jar"
    if not jar.exists():
        program = (
            "from pyspark.sql import SparkSession; SparkSession.builder.master('local[1]')"
            f".config('spark.jars.packages', '{_JDBC}').config('spark.jars.ivy', '{ivy}')"
            ".config('spark.ui.enabled', 'false').getOrCreate().stop()"
        )
        command = [sys.executable, "-c", program]
        completed = subprocess.run(
            command, env=os.environ, capture_output=True, text=True, check=False
        )
        if not jar.exists():
            raise BenchError(f"Cannot download {_JDBC} from Maven: {completed.stderr[-1000:]}")
    return jar
