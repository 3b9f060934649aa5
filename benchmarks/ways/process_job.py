"""Runs the product's job `process` for the given hours, in the same way as the product's commands.

Everything runs in one process, which starts Spark while it loads Dagster's definitions. Each
Dagster run processes up to 24 hours. `cryptoassets rebuild` does the same and also computes the
marts.

    python -m benchmarks.ways.process_job START END [--watch] [--one-by-one]

`--watch` also measures the share of the job's time in which no Spark task runs. `--one-by-one`
processes each hour in a separate Dagster run, and measures how long publishing the hour takes.
"""

import argparse
import time
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from benchmarks.measuring import BenchError
from benchmarks.sampling import sampled
from benchmarks.ways.task import Marks
from cryptoassets.cli.garbage import collect_garbage_rarely
from cryptoassets.resources.spark_jvm import prestarted_jvm

if TYPE_CHECKING:
    import dagster as dg

HOURS_PER_RUN = 24
PUBLISHING = "warehouse__coin_prices"
_QUIET = {"loggers": {"console": {"config": {"log_level": "CRITICAL"}}}}
_KEY = "%Y-%m-%d-%H:00"
_WATCH_SECONDS = 0.04


def main() -> None:
    """Run the job and print how long its parts took."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "start", type=datetime.fromisoformat, help="first hour, such as 2026-02-01T10:00Z"
    )
    parser.add_argument("end", type=datetime.fromisoformat, help="end of the last hour")
    parser.add_argument("--watch", action="store_true")
    parser.add_argument("--one-by-one", action="store_true")
    options = parser.parse_args()
    # Like the product's commands, do this and start the JVM before importing large modules.
    collect_garbage_rarely()
    marks = Marks()
    with prestarted_jvm():
        # The time for these imports is part of the measured session start.
        from cryptoassets.operations.progress import Silent  # noqa: PLC0415 - measured
        from cryptoassets.operations.session import open_session  # noqa: PLC0415 - measured

        with open_session(Silent()) as session:
            session.await_spark()
            marks.mark("session")
            _run(session.instance, options, marks)
    marks.print()


def _run(instance: "dg.DagsterInstance", options: argparse.Namespace, marks: Marks) -> None:
    """Run the job for all hours; measure the serial time if requested."""
    from pyspark import SparkContext  # noqa: PLC0415 - imported by then

    watch = SerialTime(SparkContext.getOrCreate().statusTracker())
    with watch.watched() if options.watch else nullcontext():
        longest = 1 if options.one_by_one else HOURS_PER_RUN
        for number, hours in enumerate(_runs(options.start, options.end, longest)):
            seconds = _run_job(instance, hours)
            if options.one_by_one:
                marks.seconds[f"publish {number}"] = seconds
    marks.mark("job")
    if options.watch:
        marks.seconds["serial_share"] = watch.share


def _runs(start: datetime, end: datetime, longest: int) -> Iterator[list[datetime]]:
    count = (end - start) // timedelta(hours=1)
    hours = [start + timedelta(hours=number) for number in range(count)]
    for first in range(0, count, longest):
        yield hours[first : first + longest]


def _run_job(instance: "dg.DagsterInstance", hours: list[datetime]) -> float:
    """Run the job for consecutive hours; return the seconds that publishing took."""
    from cryptoassets.definitions import defs  # noqa: PLC0415 - loaded above

    first, last = (f"{hour:{_KEY}}" for hour in (hours[0], hours[-1]))
    names = ("dagster/asset_partition_range_start", "dagster/asset_partition_range_end")
    result = defs.resolve_job_def("process").execute_in_process(
        instance=instance,
        partition_key=first if first == last else None,
        tags=None if first == last else dict(zip(names, (first, last), strict=True)),
        run_config=_QUIET,
        raise_on_error=False,
    )
    if not result.success:
        messages = [e.message for e in result.all_events if e.is_failure]
        raise BenchError(f"The job `process` failed for {first} to {last}: {messages}")
    steps = [e for e in result.all_events if e.is_step_success and e.step_key == PUBLISHING]
    return sum(e.step_success_data.duration_ms for e in steps) / 1000


class SerialTime:
    """Measures the share of the time in which no Spark task runs, with Spark's status tracker."""

    def __init__(self, tracker: Any) -> None:
        self._tracker = tracker
        self._idle = self._whole = self._last = 0.0

    @property
    def share(self) -> float:
        """Idle time as a share of the whole time."""
        return round(self._idle / self._whole, 3) if self._whole else 0.0

    @contextmanager
    def watched(self) -> Iterator[None]:
        """Measure while the block runs."""
        self._last = time.monotonic()
        with sampled(self._look, _WATCH_SECONDS):
            yield

    def _look(self) -> None:
        is_busy = self._is_busy()
        now = time.monotonic()
        self._whole += now - self._last
        self._idle += 0 if is_busy else now - self._last
        self._last = now

    def _is_busy(self) -> bool:
        for stage in self._tracker.getActiveStageIds():
            info = self._tracker.getStageInfo(stage)
            if info is not None and info.numActiveTasks:
                return True
        return False


if __name__ == "__main__":
    main()
