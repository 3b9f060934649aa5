"""Partitions processed again from raw, then the marts of their days: `rebuild` and `requeue`.

What goes here: one session for many partitions, one run per stretch, and the results of each. What
stays out: which partitions (in `rebuild` and `requeue`), the jobs (in `jobs`).
"""

from collections.abc import Callable, Collection, Iterable, Iterator
from contextlib import contextmanager
from datetime import date

from cryptoassets.operations.progress import Progress, first_of
from cryptoassets.operations.ranges import (
    FinishedStretch,
    StretchRunner,
    changed,
    make_marts,
)
from cryptoassets.operations.runs import Outcome, Runner
from cryptoassets.operations.session import Session, open_session
from cryptoassets.schemas import FLOWS, HISTORY_FLOW, SNAPSHOT_FLOW
from cryptoassets.stores.clean_folders import require_full_read
from cryptoassets.stores.mongodb import count_in
from cryptoassets.upkeep.coins import repair_coins
from cryptoassets.upkeep.days import stale_mart_days
from cryptoassets.upkeep.partitions import Partition
from cryptoassets.upkeep.stretches import stretches

_JOBS = {SNAPSHOT_FLOW.asset: "process", HISTORY_FLOW.asset: "history"}
# Only the assets of `history` after the fetch: CoinCap is not asked again.
_ASSETS = {
    SNAPSHOT_FLOW.asset: (),
    HISTORY_FLOW.asset: ("clean/coin_price_history", "warehouse/coin_price_history"),
}
_RAW = {flow.asset: flow.raw.name for flow in FLOWS}
_CLEAN = {flow.asset: flow.clean for flow in FLOWS}
_SHOWN = 3


class Reprocessing:
    """Processes partitions again and makes the marts of their days."""

    def __init__(self, session: Session) -> None:
        self._await_spark = session.await_spark
        runner = Runner(session.progress, session.instance, is_replay=True)
        self._stretches = StretchRunner(runner)
        self.stores = session.stores
        self.progress = session.progress

    @property
    def outcome(self) -> Outcome:
        """What the jobs have done so far."""
        return self._stretches.runner.outcome

    def process(
        self, partitions: Iterable[Partition], finished: Callable[[FinishedStretch], None]
    ) -> list[Partition]:
        """Process partitions, one run per stretch; a failure is reported and stops no other.

        Args:
            partitions: they have raw documents.
            finished: called after each run that succeeded.

        Returns:
            Those that succeeded.
        """
        self._await_spark()
        wanted, begun = list(partitions), 0
        succeeded: list[Partition] = []
        for stretch in stretches(wanted, self._documents):
            asset = stretch[0].asset
            place = f" ({begun + 1} to {begun + len(stretch)} of {len(wanted)})"
            begun += len(stretch)
            for partition in stretch:
                require_full_read(_CLEAN[partition.asset], partition.window)
            for done in self._stretches.run(
                _JOBS[asset], stretch, assets=_ASSETS[asset], place=place
            ):
                succeeded += done.partitions
                finished(done)
            self.outcome.forget_partitions()
        return succeeded

    def counts(self, done: FinishedStretch) -> str:
        """How many documents of a run's partitions were loaded, quarantined and superseded."""
        facts = [self.outcome.facts.get((one.asset, one.key), {}) for one in done.partitions]
        raw, *others = (
            sum(of_one.get(f"{name} rows", 0) for of_one in facts)
            for name in ("raw", "loaded", "quarantined", "superseded")
        )
        words = "{:,} loaded, {:,} quarantined, {:,} superseded".format(*others)
        return f"{raw:,} documents: {words}"

    def has_changed(self, partition: Partition) -> bool:
        """Whether the run that has just finished wrote or removed rows of a partition."""
        return partition.key in changed(self.outcome, partition.asset)

    def finish(self, days: Collection[date]) -> None:
        """Update what depends on prices: coins and marts, including marts that are stale."""
        self._await_spark()
        postgres = self.stores.postgres
        coins = repair_coins(postgres)
        if coins:
            self.progress.note(
                f"{len(coins)} coins have a new description ({first_of(coins, _SHOWN)})."
            )
        make_marts(self._stretches, postgres, {*days, *stale_mart_days(postgres)})
        self._report_past()

    def _report_past(self) -> None:
        """Sum up what a person should have known when the documents came."""
        by_check: dict[str, dict[str, str]] = {}
        for (check, partition), words in sorted(self.outcome.past.items()):
            by_check.setdefault(check, {})[partition] = words
        for check, found in by_check.items():
            shown = first_of(list(found), _SHOWN)
            self.progress.warn(
                f"In the past: {check} fails for {len(found)} partitions ({shown}): "
                f"{next(iter(found.values()))}"
            )

    def _documents(self, partition: Partition) -> int:
        return count_in(self.stores.mongo.lake()[_RAW[partition.asset]], partition.window)


@contextmanager
def open_reprocessing(progress: Progress) -> Iterator[Reprocessing]:
    """Start what is missing; no partition is deleted while it is open.

    Spark starts meanwhile, and is awaited by the first partition.
    """
    with open_session(progress, blocks_retention=True) as session:
        yield Reprocessing(session)
