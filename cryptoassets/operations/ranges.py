"""Stretches of partitions, each processed by one run; shared by operations on the past.

What goes here: a stretch that fails is halved until the failure is one partition, and the marts of
days. What stays out: which partitions (in the operations), how long a stretch is (in
`upkeep.stretches`).
"""

import time
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from datetime import date

from cryptoassets.operations.runs import Outcome, Runner
from cryptoassets.resources.postgres import PostgresResource
from cryptoassets.resources.spark_errors import fail_if_jvm_ended
from cryptoassets.upkeep.days import days_to_make, stretches_of_marts
from cryptoassets.upkeep.stretches import Stretch


@dataclass(frozen=True)
class FinishedStretch:
    """Partitions that one run made, and how long it took in seconds."""

    partitions: Stretch
    seconds: float


class StretchRunner:
    """Executes jobs over stretches.

    Args:
        runner: does not report the failures of a range, because its parts are tried again.
    """

    def __init__(self, runner: Runner) -> None:
        self.runner = runner
        self.progress = runner.progress

    def run(
        self, job: str, stretch: Stretch, *, assets: Collection[str] = (), place: str = ""
    ) -> Iterator[FinishedStretch]:
        """Run a stretch; a partition that fails is named by its own run and stops no other.

        Args:
            job: its name.
            stretch: adjoining partitions.
            assets: of the job, by key; empty: all.
            place: position among others, for the display of progress.

        Raises:
            SparkJobError: Spark's JVM is gone; no other partition can be made.
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


def changed(outcome: Outcome, asset: str) -> set[str]:
    """Keys of the partitions of an asset of which rows were written or removed."""
    return {
        partition
        for (name, partition), told in outcome.facts.items()
        if name == asset and (told["rows written"] or told["rows removed"])
    }


def name_of(stretch: Stretch) -> str:
    """The first and the last partition."""
    first, last = stretch[0].key, stretch[-1].key
    return first if first == last else f"{first} to {last}"


def make_marts(
    stretches: StretchRunner, postgres: PostgresResource, touched: Collection[date]
) -> None:
    """Make the marts of days whose prices changed, and of later days that look back on them.

    Args:
        stretches: executes the job.
        postgres: says which days look back on others.
        touched: days whose prices changed, and those whose marts are stale.
    """
    plan = days_to_make(postgres, touched)
    made = 0
    for stretch in stretches_of_marts(postgres, plan.made):
        place = f" ({made + 1} to {made + len(stretch)} of {len(plan.made)} days)"
        made += len(stretch)
        for done in stretches.run("marts", stretch, place=place):
            name = f"marts of {name_of(done.partitions)}"
            stretches.progress.done(name, seconds=done.seconds)
    if plan.kept:
        stretches.progress.note(
            f"Marts of {plan.kept[0]} to {plan.kept[-1]} stay as they are: prices that they "
            "look back on have expired."
        )
