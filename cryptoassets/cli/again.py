"""Partitions processed again from raw, then the days of the marts: what the verbs share.

What goes here: one session for many partitions, in order, and what came of each. What stays out:
which partitions (in the verbs `requeue` and `rebuild`), the jobs (in `jobs`).
"""

import signal
from collections.abc import Callable, Iterable, Iterator
from contextlib import closing, contextmanager
from datetime import date

from rich.console import Console
from rich.status import Status

from cryptoassets.cli.runner import Outcome, Runner, warm_up
from cryptoassets.embedded import Stack, dagster_instance
from cryptoassets.embedded.dead_runs import fail_dead_runs
from cryptoassets.resources.mongo import MongoResource
from cryptoassets.resources.postgres import PostgresResource
from cryptoassets.schemas import HISTORY_FLOW, SNAPSHOT_FLOW
from cryptoassets.settings import load_settings
from cryptoassets.upkeep.coins import mend_coins
from cryptoassets.upkeep.days import days_to_make
from cryptoassets.upkeep.partitions import Partition
from cryptoassets.upkeep.retention import keeping_retention_off

_JOBS = {SNAPSHOT_FLOW.asset: "process", HISTORY_FLOW.asset: "history"}
# Of `history` only what follows the fetch: nothing is asked of CoinCap again.
_ASSETS = {
    SNAPSHOT_FLOW.asset: (),
    HISTORY_FLOW.asset: ("clean/coin_price_history", "warehouse/coin_price_history"),
}
_SHOWN = 3


class Again:
    """Processes partitions again and makes the marts of their days."""

    def __init__(
        self, console: Console, status: Status, runner: Runner, mongo: MongoResource
    ) -> None:
        self._console = console
        self._status = status
        self._runner = runner
        self.mongo = mongo
        self.postgres = PostgresResource()

    @property
    def outcome(self) -> Outcome:
        """What the jobs did so far."""
        return self._runner.outcome

    def process(
        self, partitions: Iterable[Partition], told: Callable[[Partition], None]
    ) -> list[Partition]:
        """Process partitions one by one; a failure is named and does not stop the others.

        Args:
            partitions: in the order in which they are processed.
            told: is called after each that succeeded.

        Returns:
            Those that succeeded.
        """
        wanted, done = list(partitions), []
        for number, partition in enumerate(wanted, start=1):
            name = f"{partition.asset} {partition.key}"
            self._status.update(f"Processing {name} ({number} of {len(wanted)})")
            job, assets = _JOBS[partition.asset], _ASSETS[partition.asset]
            if self._runner.execute(job, partition.key, assets=assets):
                done.append(partition)
                told(partition)
        return done

    def finish(self, touched: Iterable[Partition]) -> None:
        """Bring what is made of the prices in line: coins, and the marts of the days touched."""
        coins = mend_coins(self.postgres)
        if coins:
            shown = ", ".join(coins[:_SHOWN]) + (", ..." if len(coins) > _SHOWN else "")
            self._console.print(f"  {len(coins)} coins described anew ({shown}).")
        self._make_marts(sorted({partition.day.date() for partition in touched}))

    def _make_marts(self, touched: list[date]) -> None:
        plan = days_to_make(self.postgres, touched)
        for number, day in enumerate(plan.made, start=1):
            self._status.update(f"Making the marts of {day} ({number} of {len(plan.made)})")
            self._runner.execute("marts", day.isoformat())
        if plan.made:
            words = str(plan.made[0])
            words += f" to {plan.made[-1]}" if len(plan.made) > 1 else ""
            self._console.print(f"[green]  ✓[/] marts of {words}")
        if plan.kept:
            self._console.print(
                f"  Marts of {plan.kept[0]} to {plan.kept[-1]} stay as they are: prices that they "
                "look back on have expired."
            )


@contextmanager
def processing_again(console: Console) -> Iterator[Again]:
    """Start what is missing, Spark included; retention keeps off meanwhile."""
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    with console.status("Starting what is missing") as status:
        stack = Stack(load_settings(), report=lambda sentence: console.print(f"  {sentence}."))
        stack.up()
        warm_up()
        mongo = MongoResource()
        with (
            dagster_instance() as instance,
            keeping_retention_off(PostgresResource()),
            closing(mongo.lake().client),
        ):
            fail_dead_runs(instance)
            yield Again(console, status, Runner(console, status, instance, is_replay=True), mongo)
