"""The operation `run --every`: micro-batches in one warm process.

What goes here: starting once, one cycle per beat, when to give up, and deleting the loop's own old
runs from Dagster. What stays out: the clock (in `cli.loop`), what a cycle runs (in `cycle`).
"""

import gc
from collections.abc import Generator, Iterator
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from sqlalchemy.exc import SQLAlchemyError

from cryptoassets.embedded import dagster_instance
from cryptoassets.embedded.dead_runs import fail_dead_runs
from cryptoassets.embedded.old_runs import purge_runs
from cryptoassets.errors import StoreUnavailableError
from cryptoassets.operations.cycle import BATCH_TAG, Cycle, Cycles
from cryptoassets.operations.progress import ActivityOnly, Progress
from cryptoassets.operations.runs import Runner
from cryptoassets.operations.session import start_platform

if TYPE_CHECKING:
    from dagster import DagsterInstance

FATAL_ERRORS = frozenset(
    {
        "BadKeyError",
        "CreditsSpentError",
        "EmbeddedError",
        "MixedSourcesError",
        "PlanError",
        "SettingsError",
        "SparkJobError",
    }
)
"""Names of errors that no later cycle of this process can get past."""
MOST_FAILURES = 10
"""Cycles that may fail one after the other before the loop gives up."""

RUNS_KEPT_FOR = timedelta(hours=1)
_PURGE_LOOKS_BACK = timedelta(days=2)
_CYCLES_PER_PURGE = 10
# Dagster's instance keeps a listener for each run that it has seen.
_CYCLES_PER_INSTANCE = 60


def micro_batches(
    progress: Progress, seconds: float, beats: Iterator[float]
) -> Generator[Cycle, None, None]:
    """Start what is missing, then run a cycle at each beat until the caller stops.

    Args:
        progress: receives reports; of cycles only the current activity.
        seconds: interval between beats.
        beats: waits for each beat and gives its time, of `time.monotonic`.

    Yields:
        Each cycle that ended, successful or not.

    Raises:
        StoreUnavailableError: Dagster's instance cannot be reached.
    """
    with start_platform(progress, is_long_lived=True) as await_spark:
        await_spark()
        progress.done("Spark", "ready")
        from cryptoassets.definitions import build_defs, default_resources

        definitions = build_defs(resources=default_resources(is_long_lived=True))
        cycles = Cycles({BATCH_TAG: f"{seconds:g} s", "cryptoassets/credits": "paced"})
        number = 0
        try:
            while True:
                with dagster_instance() as instance:
                    fail_dead_runs(instance)
                    runner = Runner(ActivityOnly(progress), instance, definitions=definitions)
                    for _ in range(_CYCLES_PER_INSTANCE):
                        yield cycles.run(runner, ends_by=next(beats) + seconds)
                        number += 1
                        if number % _CYCLES_PER_PURGE == 0:
                            _purge(instance, cycles.tags[BATCH_TAG])
        except SQLAlchemyError as error:
            raise StoreUnavailableError(
                "PostgreSQL does not answer where Dagster keeps its runs. A later retry can help; "
                "see that the server runs, and start again"
            ) from error


def reason_to_stop(cycle: Cycle, failed_in_a_row: int) -> str | None:
    """Why a loop has to end after a cycle; None: it goes on."""
    fatal = sorted(cycle.outcome.errors & FATAL_ERRORS)
    if fatal:
        names = ", ".join(fatal)
        return f"{names}: a later cycle would not get past it. Fix the cause and start again"
    if failed_in_a_row >= MOST_FAILURES:
        return f"{MOST_FAILURES} cycles failed one after the other. Look closer with `dev`"
    return None


def _purge(instance: "DagsterInstance", tag: str) -> None:
    """Delete the loop's own successful runs of an hour ago that later ones have superseded."""
    now = datetime.now(UTC)
    purge_runs(
        instance,
        now - RUNS_KEPT_FOR,
        newer_than=now - _PURGE_LOOKS_BACK,
        keep_failed=True,
        tags={BATCH_TAG: tag},
    )
    # A run leaves cycles of objects, which Python seldom looks for by itself.
    gc.collect()
