"""Processes stretches of partitions.

A stretch is a sequence of consecutive partitions that one run processes together.

What goes here: splitting a failed stretch in half until the failing partition is found, and
computing daily marts. What stays out: which partitions are processed (in the operations), and how
long a stretch is (in `upkeep.stretches`).
"""

import time
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from datetime import date

from cryptoassets.facts import Fact
from cryptoassets.operations.runs import Outcome, Runner
from cryptoassets.resources.postgres import PostgresResource
from cryptoassets.resources.spark_errors import fail_if_jvm_ended
from cryptoassets.upkeep.days import days_to_compute, stretches_of_marts
from cryptoassets.upkeep.stretches import Stretch


@dataclass(frozen=True)
class FinishedStretch:
    """Partitions that one run processed, and its duration in seconds."""

    partitions: Stretch
    seconds: float


class StretchRunner:
    """Executes jobs for stretches of partitions.

    Args:
        runner: must not report the failure of a stretch, because its halves are retried.
    """

    def __init__(self, runner: Runner) -> None:
        self.runner = runner
        self.progress = runner.progress

    def run(
        self, job: str, stretch: Stretch, *, assets: Collection[str] = (), place: str = ""
    ) -> Iterator[FinishedStretch]:
        """Run a job for a stretch; a partition that fails is reported and does not stop the others.

        Args:
            job: name of the job.
            stretch: consecutive partitions.
            assets: keys of the job's assets to run; empty: all.
            place: position among all partitions, for the progress display.

        Raises:
            SparkJobError: Spark's JVM has ended, so no other partition can be processed.
        """
        self.progress.doing(f"{job} of {name_of(stretch)}{place}")
        started = time.monotonic()
        first, last = stretch[0].key, stretch[-1].key
        is_range = len(stretch) > 1
        if self.runner.execute(job, first, last=last if is_range else None, assets=assets):
            yield FinishedStretch(stretch, time.monotonic() - started)
            return
        fail_if_jvm_ended()
        if is_range:
            half = len(stretch) // 2
            for part in (stretch[:half], stretch[half:]):
                yield from self.run(job, part, assets=assets, place=place)


def changed_keys(outcome: Outcome, asset: str) -> set[str]:
    """Keys of an asset's partitions whose rows were written or removed."""
    return {
        partition
        for (name, partition), facts in outcome.facts.items()
        if name == asset and (facts[Fact.ROWS_WRITTEN] or facts[Fact.ROWS_REMOVED])
    }


def name_of(stretch: Stretch) -> str:
    """The keys of the first and the last partition."""
    first, last = stretch[0].key, stretch[-1].key
    return first if first == last else f"{first} to {last}"


def compute_marts(
    stretches: StretchRunner, postgres: PostgresResource, touched: Collection[date]
) -> None:
    """Compute the marts of the touched days, and of later days that depend on them.

    Args:
        stretches: executes the job.
        postgres: used to find the later days.
        touched: days whose prices changed, and days whose marts are stale.
    """
    plan = days_to_compute(postgres, touched)
    started = 0
    for stretch in stretches_of_marts(postgres, plan.to_compute):
        place = f" ({started + 1} to {started + len(stretch)} of {len(plan.to_compute)} days)"
        started += len(stretch)
        for done in stretches.run("marts", stretch, place=place):
            name = f"marts of {name_of(done.partitions)}"
            stretches.progress.done(name, seconds=done.seconds)
    if plan.kept:
        stretches.progress.note(
            f"Marts of {plan.kept[0]} to {plan.kept[-1]} were not computed again, because prices "
            "that they depend on have expired."
        )
