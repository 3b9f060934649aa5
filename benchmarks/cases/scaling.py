"""What a second executor brings, and how much of the job no executor shares."""

from benchmarks.bench import Bench, in_turn
from benchmarks.cases.partitions import run_ours
from benchmarks.homes import CURRENT, fresh_home, prepare_tables
from benchmarks.results import CaseResult
from benchmarks.ways.task import marks_in

ONE, TWO, WATCHED = "one executor core", "two executor cores", "two executor cores, watched"
_MASTERS = {ONE: "local[1]", TWO: "local[2]", WATCHED: "local[2]"}


def scaling(bench: Bench) -> CaseResult:
    """The job `process` of 200,000 documents after session start, on one and on two cores."""
    result = CaseResult(
        notes=["Executors are threads of one Spark; the stores use the same two cores."]
    )
    with bench.lake("200k") as lake:
        for number, way in in_turn(tuple(_MASTERS), bench.number_of_runs(3)):
            settings = {"MONGO_URL": lake.url, "MONGO_DATABASE": lake.database}
            with fresh_home(CURRENT, SPARK_MASTER=_MASTERS[way], **settings) as home:
                prepare_tables(home)
                options = ["--watch"] if way == WATCHED else []
                measured = run_ours(bench, lake, home, *options, is_job=True)
            marks = marks_in(measured.output)
            result.add(way, measured, **marks)
            bench.say(f"run {number + 1}: {way}: {marks}")
    result.ratios["speedup_2_vs_1"] = result.ratio(ONE, TWO, "job")
    result.ratios["serial_share"] = result.medians(WATCHED)["serial_share"]
    return result
