"""Measures the speed-up from a second executor, and how much of the job is not parallel."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from uuid import uuid4

from benchmarks.bench import Bench, in_turn
from benchmarks.cases.partitions import run_product
from benchmarks.homes import CURRENT, fresh_home, prepare_tables
from benchmarks.results import CaseResult
from benchmarks.ways.task import marks_in
from cryptoassets.embedded import Stack
from cryptoassets.settings import load_settings
from cryptoassets_tests.cluster.standalone import Cluster, cluster_in

_LIMITS = """
spark.cores.max {executors}
spark.scheduler.minRegisteredResourcesRatio 1.0
spark.scheduler.maxRegisteredResourcesWaitingTime 120s
"""
ONE, TWO, WATCHED = "one executor", "two executors", "local[2], watched"


def scaling(bench: Bench) -> CaseResult:
    """Run the job `process` on one and on two executors, with 200,000 documents of one hour."""
    result = _measured(bench, "200k", runs=3)
    result.ratios["speedup_2_vs_1"] = result.ratio(ONE, TWO, "job")
    result.ratios["serial_share"] = result.medians(WATCHED)["serial_share"]
    return result


def scaling_1m(bench: Bench) -> CaseResult:
    """Like `scaling`, but with 1 million documents, so that fixed costs matter less."""
    result = _measured(bench, "1m_hour", runs=1)
    result.figures["speed-up by a second executor"] = result.ratio(ONE, TWO, "job")
    return result


def _measured(bench: Bench, name: str, runs: int) -> CaseResult:
    result = CaseResult(
        notes=[
            "A Spark master and two workers with one core each run on this machine.",
            "The driver and the stores use the same cores.",
            "As in `rebuild`, Dagster's storage is opened while the Spark session starts.",
            f"`{WATCHED}` runs without the cluster; only this way measures the serial share.",
        ]
    )
    with bench.lake(name) as lake, _cluster(bench.folder) as (cluster, settings):
        for number, way in in_turn(tuple(settings), bench.number_of_runs(runs)):
            stores = {"MONGO_URL": lake.url, "MONGO_DATABASE": lake.database}
            with fresh_home(CURRENT, **stores) as home:
                prepare_tables(home)
                cluster.set_urls(lake.url, home.addresses()["POSTGRES_URL"])
                options = ["--watch"] if way == WATCHED else []
                home_of_way = home.with_settings(**settings[way])
                measured = run_product(bench, lake, home_of_way, *options, is_job=True)
            marks = marks_in(measured.output)
            result.add(way, measured, **marks)
            bench.report(f"run {number + 1}: {way}: {marks}")
    return result


@contextmanager
def _cluster(folder: Path) -> Iterator[tuple[Cluster, Mapping[str, Mapping[str, str]]]]:
    """Start a cluster; yield the cluster and the driver's settings for each way."""
    cluster_folder = folder / f"cluster-{uuid4().hex[:8]}"
    cluster_folder.mkdir()
    with cluster_in(cluster_folder, Stack(load_settings()).java_home()) as cluster:
        settings = {}
        for way, executors in ((ONE, 1), (TWO, 2)):
            conf = cluster_folder / f"conf-{executors}"
            conf.mkdir()
            defaults = (cluster_folder / "conf" / "spark-defaults.conf").read_text()
            # Later lines override earlier ones. The limits make the session wait for all executors.
            limits = _LIMITS.format(executors=executors)
            (conf / "spark-defaults.conf").write_text(f"{defaults}{limits}")
            master = cluster.driver_environment()["SPARK_MASTER"]
            settings[way] = {"SPARK_MASTER": master, "SPARK_CONF_DIR": str(conf)}
        yield cluster, settings | {WATCHED: {"SPARK_MASTER": "local[2]"}}
