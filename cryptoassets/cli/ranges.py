"""Stretches of partitions, each by one run; the part that verbs of the past share.

What goes here: a stretch that fails is halved until what fails is one partition, and the marts of
days. What stays out: which partitions (in the verbs), how long a stretch is (in
`upkeep.stretches`).
"""

import time
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from datetime import date

from rich.console import Console
from rich.status import Status

from cryptoassets.cli.runner import Outcome, Runner
from cryptoassets.resources.postgres import PostgresResource
from cryptoassets.resources.spark_errors import fail_if_jvm_ended
from cryptoassets.upkeep.days import days_to_make, stretches_of_marts
from cryptoassets.upkeep.stretches import Stretch


@dataclass(frozen=True)
class Done:
    """Partitions that one run made; seconds that it took."""

    partitions: Stretch
    seconds: float


class Ranges:
    """Executes jobs over stretches.

    Args:
        console: for what is done.
        status: for what goes on.
        runner: holds back what a range failed by, as its parts are tried again.
    """

    def __init__(self, console: Console, status: Status, runner: Runner) -> None:
        self.console = console
        self.status = status
        self.runner = runner

    def run(
        self, job: str, stretch: Stretch, *, assets: Collection[str] = (), place: str = ""
    ) -> Iterator[Done]:
        """Run a stretch; one partition that fails is named by its own run and stops no other.

        Args:
            job: its name.
            stretch: adjoining partitions.
            assets: of the job, by key; empty: all.
            place: where it stands among others, for a person who waits.

        Raises:
            SparkJobError: Spark's JVM is gone; no other partition can be made.
        """
        self.status.update(f"{job} of {named(stretch)}{place}")
        started = time.monotonic()
        first, last = stretch[0].key, stretch[-1].key
        is_range = len(stretch) > 1
        if self.runner.execute(job, first, last=last if is_range else None, assets=assets):
            yield Done(stretch, time.monotonic() - started)
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


def named(stretch: Stretch) -> str:
    """The first and the last partition in words."""
    first, last = stretch[0].key, stretch[-1].key
    return first if first == last else f"{first} to {last}"


def make_marts(ranges: Ranges, postgres: PostgresResource, touched: Collection[date]) -> None:
    """Make the marts of days whose prices changed, and of later ones that look back on them.

    Args:
        ranges: executes the job.
        postgres: says which days look back on others.
        touched: days whose prices changed, and those whose marts are stale.
    """
    plan = days_to_make(postgres, touched)
    made = 0
    for stretch in stretches_of_marts(postgres, plan.made):
        place = f" ({made + 1} to {made + len(stretch)} of {len(plan.made)} days)"
        made += len(stretch)
        for done in ranges.run("marts", stretch, place=place):
            ranges.console.print(
                f"[green]  ✓[/] marts of {named(done.partitions)}  [dim]{done.seconds:.1f} s[/]"
            )
    if plan.kept:
        ranges.console.print(
            f"  Marts of {plan.kept[0]} to {plan.kept[-1]} stay as they are: prices that they "
            "look back on have expired."
        )
