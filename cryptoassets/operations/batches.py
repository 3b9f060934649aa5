"""The operation `run --every`: micro-batches in one long-lived process.

What goes here: starting once, running cycles, when to stop, and deleting the loop's own old runs
from Dagster. What stays out: the clock (in `cli.loop`), what a cycle runs (in `cycle`).
"""

from collections.abc import Generator, Iterator
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from sqlalchemy.exc import SQLAlchemyError

from cryptoassets.embedded import dagster_instance
from cryptoassets.embedded.dead_runs import fail_dead_runs
from cryptoassets.embedded.old_runs import purge_runs
from cryptoassets.errors import StoreUnavailableError
from cryptoassets.monitoring.watch import Watch
from cryptoassets.operations.cycle import BATCH_TAG, Cycle, Cycles
from cryptoassets.operations.memory import release_memory
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
"""Names of errors that later cycles of this process would raise, too."""
MAX_FAILURES = 10
"""The loop ends after this many failed cycles in a row."""

RUNS_KEPT_FOR = timedelta(hours=1)
_PURGE_LOOKS_BACK = timedelta(days=2)
_CYCLES_PER_PURGE = 10
_ALERT_SECONDS = 30
"""Shortest time between two evaluations of alerts while cycles succeed."""
_LAST_ALERT_SECONDS = 20
"""If a failure ends the loop, it waits at most this long for the alerts to be sent."""
# Dagster's instance keeps a listener for each run that it has seen, so the loop opens a new
# instance after this many cycles.
_CYCLES_PER_INSTANCE = 60


def micro_batches(
    progress: Progress, seconds: float, beats: Iterator[float]
) -> Generator[Cycle, None, None]:
    """Start the services that are not running yet, then run a cycle at each beat of a clock.

    The caller ends the loop by closing the generator.

    Args:
        progress: receives reports; during cycles only the current activity.
        seconds: interval between beats.
        beats: waits for the next beat and yields its time, a value of `time.monotonic()`.

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
        number, watch = 0, Watch()
        try:
            while True:
                with dagster_instance() as instance:
                    fail_dead_runs(instance)
                    runner = Runner(ActivityOnly(progress), instance, definitions=definitions)
                    for _ in range(_CYCLES_PER_INSTANCE):
                        cycle = cycles.run(runner, ends_by=next(beats) + seconds)
                        # A failure is reported at once, because it may end the loop.
                        watch.evaluate_soon(at_most_every=_ALERT_SECONDS if cycle.is_done else 0)
                        yield cycle
                        number += 1
                        if number % _CYCLES_PER_PURGE == 0:
                            _purge(instance, cycles.tags[BATCH_TAG])
                            release_memory()
        except SQLAlchemyError as error:
            raise StoreUnavailableError(
                "PostgreSQL, which stores Dagster's runs, does not answer. A later retry can help; "
                "check that the server is running, and start again"
            ) from error
        except GeneratorExit:
            # The caller ends the loop after a failure, whose alerts must still be sent. Ctrl-C
            # raises KeyboardInterrupt instead, and needs no alert.
            watch.wait(_LAST_ALERT_SECONDS)
            raise


def reason_to_stop(cycle: Cycle, failed_in_a_row: int) -> str | None:
    """Return why the loop must end after this cycle; None: it continues."""
    fatal = sorted(cycle.outcome.errors & FATAL_ERRORS)
    if fatal:
        names = ", ".join(fatal)
        return f"{names}: later cycles would fail, too. Fix the cause and start again"
    if failed_in_a_row >= MAX_FAILURES:
        return f"{MAX_FAILURES} cycles failed in a row. `cryptoassets dev` shows their runs"
    return None


def _purge(instance: "DagsterInstance", tag: str) -> None:
    """Delete the loop's successful runs that ended over an hour ago and were repeated since."""
    now = datetime.now(UTC)
    purge_runs(
        instance,
        now - RUNS_KEPT_FOR,
        newer_than=now - _PURGE_LOOKS_BACK,
        keep_failed=True,
        tags={BATCH_TAG: tag},
    )
