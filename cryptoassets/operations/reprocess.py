"""Processes partitions again from raw documents, then computes the marts of their days.

What goes here: what the operations `rebuild` and `requeue` share. One session processes many
partitions, with one run per stretch of consecutive partitions. What stays out: which partitions are
processed (in `rebuild` and `requeue`), the jobs (in `jobs`).
"""

from collections.abc import Callable, Collection, Iterable, Iterator
from contextlib import contextmanager
from datetime import date

from cryptoassets.facts import Fact
from cryptoassets.operations.progress import Progress, first_of, number_of
from cryptoassets.operations.ranges import (
    FinishedStretch,
    StretchRunner,
    changed_keys,
    compute_marts,
)
from cryptoassets.operations.runs import Outcome, Runner
from cryptoassets.operations.session import Session, open_session
from cryptoassets.schemas import flow_named
from cryptoassets.stores.clean_folders import require_full_read
from cryptoassets.stores.mongodb import count_in
from cryptoassets.upkeep.coins import repair_coins
from cryptoassets.upkeep.days import stale_mart_days
from cryptoassets.upkeep.earlier_data import earlier_documents, split_at_first
from cryptoassets.upkeep.partitions import Partition
from cryptoassets.upkeep.stretches import stretches

_SHOWN = 3


class Reprocessing:
    """Processes partitions again and computes the marts of their days."""

    def __init__(self, session: Session) -> None:
        self._await_spark = session.await_spark
        runner = Runner(session.progress, session.instance, is_reprocessing=True)
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
        """Process partitions, one run per stretch; report failures and continue.

        Args:
            partitions: partitions with raw documents.
            finished: called after each run that succeeded.

        Returns:
            The partitions that succeeded.
        """
        self._await_spark()
        wanted, started = self._without_earlier(partitions), 0
        succeeded: list[Partition] = []
        for stretch in stretches(wanted, self._documents):
            flow = flow_named(stretch[0].asset)
            place = f" ({started + 1} to {started + len(stretch)} of {len(wanted)})"
            started += len(stretch)
            for partition in stretch:
                require_full_read(flow.clean, partition.window)
            # Run only the assets after the fetch, so that CoinCap is not called again.
            assets = flow.processed_assets
            for done in self._stretches.run(flow.job, stretch, assets=assets, place=place):
                succeeded += done.partitions
                finished(done)
            self.outcome.forget_partitions()
        return succeeded

    def _without_earlier(self, partitions: Iterable[Partition]) -> list[Partition]:
        """Report partitions before `CRYPTOASSETS_SINCE` as one failure; return the others."""
        wanted = list(partitions)
        earlier, _ = split_at_first([one.key for one in wanted])
        if earlier:
            sentence = earlier_documents(earlier)
            self.outcome.failures.append(sentence)
            self.progress.fail(sentence)
        left_out = set(earlier)
        return [one for one in wanted if one.key not in left_out]

    def counts(self, done: FinishedStretch) -> str:
        """Describe how many of a run's documents were loaded, quarantined and superseded."""
        facts = [self.outcome.facts.get((one.asset, one.key), {}) for one in done.partitions]
        raw, *others = (
            sum(partition.get(name, 0) for partition in facts)
            for name in (
                *(Fact.RAW_ROWS, Fact.LOADED_ROWS),
                *(Fact.QUARANTINED_ROWS, Fact.SUPERSEDED_ROWS),
            )
        )
        words = "{:,} loaded, {:,} quarantined, {:,} superseded".format(*others)
        return f"{number_of(raw, 'document')}: {words}"

    def has_changed(self, partition: Partition) -> bool:
        """Whether the run that has just finished wrote or removed rows of a partition."""
        return partition.key in changed_keys(self.outcome, partition.asset)

    def finish(self, changed_partitions: Iterable[Partition], days: Collection[date] = ()) -> None:
        """Update what depends on prices: `warehouse.coins`, the marts of changed days, stale marts.

        Args:
            changed_partitions: partitions whose rows may have changed.
            days: further days whose marts are computed.
        """
        of_prices = [one for one in changed_partitions if flow_named(one.asset).feeds_marts]
        self._await_spark()
        postgres = self.stores.postgres
        coins = repair_coins(postgres)
        if coins:
            self.progress.note(
                f"Rows of warehouse.coins corrected: {len(coins)} ({first_of(coins, _SHOWN)})."
            )
        changed_days = {one.day.date() for one in of_prices}
        compute_marts(self._stretches, postgres, {*changed_days, *days, *stale_mart_days(postgres)})
        self._report_past()

    def _report_past(self) -> None:
        """Report failures of checks that judge how documents arrived when they were fetched."""
        by_check: dict[str, dict[str, str]] = {}
        for (check, partition), words in sorted(self.outcome.past_failures.items()):
            by_check.setdefault(check, {})[partition] = words
        for check, found in by_check.items():
            shown = first_of(list(found), _SHOWN)
            self.progress.warn(
                f"{check} fails for {number_of(len(found), 'partition')} ({shown}), because of "
                f"how the documents arrived when they were fetched: {next(iter(found.values()))}"
            )

    def _documents(self, partition: Partition) -> int:
        collection = self.stores.mongo.lake()[flow_named(partition.asset).raw.name]
        return count_in(collection, partition.window)


@contextmanager
def open_reprocessing(progress: Progress) -> Iterator[Reprocessing]:
    """Open a session; retention deletes no partition until the context ends.

    Spark starts in the background; processing waits until it is ready.
    """
    with open_session(progress, blocks_retention=True) as session:
        yield Reprocessing(session)
