"""Partitions processed again from raw, then the days of the marts: what the verbs share.

What goes here: one session for many partitions, a stretch of them a run, and what came of each.
What stays out: which partitions (in the verbs `requeue` and `rebuild`), the jobs (in `jobs`).
"""

import signal
from collections.abc import Callable, Collection, Iterable, Iterator
from contextlib import closing, contextmanager
from datetime import date

from rich.console import Console
from rich.markup import escape

from cryptoassets.cli.ranges import Done, Ranges, changed, make_marts
from cryptoassets.cli.runner import Outcome, Runner, warm_instance
from cryptoassets.embedded import Stack
from cryptoassets.embedded.dead_runs import fail_dead_runs
from cryptoassets.io_managers.clean_folders import require_full_read
from cryptoassets.resources.mongo import MongoResource
from cryptoassets.resources.postgres import PostgresResource
from cryptoassets.schemas import FLOWS, HISTORY_FLOW, SNAPSHOT_FLOW
from cryptoassets.settings import load_settings
from cryptoassets.stores.mongodb import count_in
from cryptoassets.upkeep.coins import repair_coins
from cryptoassets.upkeep.days import stale_mart_days
from cryptoassets.upkeep.partitions import Partition
from cryptoassets.upkeep.retention import blocking_retention
from cryptoassets.upkeep.stretches import stretches

_JOBS = {SNAPSHOT_FLOW.asset: "process", HISTORY_FLOW.asset: "history"}
# Of `history` only what follows the fetch: nothing is asked of CoinCap again.
_ASSETS = {
    SNAPSHOT_FLOW.asset: (),
    HISTORY_FLOW.asset: ("clean/coin_price_history", "warehouse/coin_price_history"),
}
_RAW = {flow.asset: flow.raw.name for flow in FLOWS}
_CLEAN = {flow.asset: flow.clean for flow in FLOWS}
_SHOWN = 3


class Again:
    """Processes partitions again and makes the marts of their days."""

    def __init__(self, ranges: Ranges, mongo: MongoResource) -> None:
        self._ranges = ranges
        self.mongo = mongo
        self.postgres = PostgresResource()

    @property
    def outcome(self) -> Outcome:
        """What the jobs did so far."""
        return self._ranges.runner.outcome

    def process(
        self, partitions: Iterable[Partition], told: Callable[[Done], None]
    ) -> list[Partition]:
        """Process partitions, a stretch a run; a failure is named and does not stop the others.

        Args:
            partitions: they have raw documents.
            told: is called after each run that succeeded.

        Returns:
            Those that succeeded.
        """
        wanted, begun = list(partitions), 0
        succeeded: list[Partition] = []
        for stretch in stretches(wanted, self._documents):
            asset = stretch[0].asset
            place = f" ({begun + 1} to {begun + len(stretch)} of {len(wanted)})"
            begun += len(stretch)
            for partition in stretch:
                require_full_read(_CLEAN[partition.asset], partition.window)
            for done in self._ranges.run(_JOBS[asset], stretch, assets=_ASSETS[asset], place=place):
                succeeded += done.partitions
                told(done)
            self.outcome.forget_partitions()
        return succeeded

    def counts(self, done: Done) -> str:
        """What a run made of the documents of its partitions, in words."""
        facts = [self.outcome.facts.get((one.asset, one.key), {}) for one in done.partitions]
        raw, *others = (
            sum(of_one.get(f"{name} rows", 0) for of_one in facts)
            for name in ("raw", "loaded", "quarantined", "superseded")
        )
        words = "{:,} loaded, {:,} quarantined, {:,} superseded".format(*others)
        return f"{raw:,} documents: {words}"

    def has_changed(self, partition: Partition) -> bool:
        """Whether the run that was just told of wrote or removed rows of a partition."""
        return partition.key in changed(self.outcome, partition.asset)

    def finish(self, days: Collection[date]) -> None:
        """Update what depends on prices: coins and marts, including marts that are stale."""
        console = self._ranges.console
        coins = repair_coins(self.postgres)
        if coins:
            shown = ", ".join(coins[:_SHOWN]) + (", ..." if len(coins) > _SHOWN else "")
            console.print(f"  {len(coins)} coins described anew ({shown}).")
        make_marts(self._ranges, self.postgres, {*days, *stale_mart_days(self.postgres)})
        self._tell_past()

    def _tell_past(self) -> None:
        """Sum up what a person should have known when the documents came."""
        by_check: dict[str, dict[str, str]] = {}
        for (check, partition), words in sorted(self.outcome.past.items()):
            by_check.setdefault(check, {})[partition] = words
        for check, found in by_check.items():
            shown = ", ".join(list(found)[:_SHOWN]) + (", ..." if len(found) > _SHOWN else "")
            example = escape(next(iter(found.values())))
            self._ranges.console.print(
                f"[yellow]  ![/] Of the past: {check} fails for {len(found)} partitions "
                f"({shown}): {example}",
                soft_wrap=True,
            )

    def _documents(self, partition: Partition) -> int:
        return count_in(self.mongo.lake()[_RAW[partition.asset]], partition.window)


@contextmanager
def processing_again(console: Console) -> Iterator[Again]:
    """Start what is missing, Spark included; retention keeps off meanwhile."""
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    with console.status("Starting what is missing") as status:
        stack = Stack(load_settings(), report=lambda sentence: console.print(f"  {sentence}."))
        stack.up()
        mongo = MongoResource()
        with (
            warm_instance() as instance,
            blocking_retention(PostgresResource()),
            closing(mongo.lake().client),
        ):
            fail_dead_runs(instance)
            runner = Runner(console, status, instance, is_replay=True)
            yield Again(Ranges(console, status, runner), mongo)
