"""The operation `requeue`: judges quarantined documents and dead letters by the current rules.

What goes here: finding the partitions with such documents, and reporting the results. What stays
out: reading dead letters (in `upkeep.dead_letters`), processing (in `reprocess`) and recording
which documents were released from quarantine (in `stores.publishing`).
"""

from collections import Counter
from dataclasses import dataclass

from cryptoassets.errors import SettingsError
from cryptoassets.operations.progress import Progress, number_of
from cryptoassets.operations.ranges import FinishedStretch
from cryptoassets.operations.reprocess import Reprocessing, open_reprocessing
from cryptoassets.operations.session import Stores, open_stores
from cryptoassets.partitions.spans import partition_window
from cryptoassets.resources.postgres import PostgresResource
from cryptoassets.schemas import FLOWS
from cryptoassets.stores.mongodb import typed_errors
from cryptoassets.transforms.reasons import known_reasons
from cryptoassets.upkeep.days import stale_mart_days
from cryptoassets.upkeep.dead_letters import letter_reasons, reread_dead_letters
from cryptoassets.upkeep.partitions import Partition, partition_of

_QUARANTINED = """
    SELECT DISTINCT asset, partition_key FROM warehouse.quarantine
    WHERE %(reason)s::text IS NULL OR %(reason)s = ANY(reasons)
"""
_RELEASED = """
    SELECT count(*) FROM warehouse.quarantine_releases WHERE asset = %s AND partition_key = %s
"""
_REMAINING = "SELECT reasons FROM warehouse.quarantine WHERE asset = %s AND partition_key = %s"


@dataclass(frozen=True)
class RequeueResult:
    """The result of a requeue.

    Attributes:
        partitions: number of partitions selected for processing.
        released: number of documents that were released from quarantine.
        failures: one sentence per failure.
    """

    partitions: int
    released: int
    failures: list[str]


@dataclass(frozen=True)
class _QuarantineCounts:
    """How many documents of a partition were ever released; how many are in quarantine, and why."""

    released: int
    remaining: int
    reasons: Counter[str]


def requeue(progress: Progress, reason: str | None) -> RequeueResult:
    """Read dead letters again, and reprocess every partition with quarantined documents.

    Args:
        progress: receives reports.
        reason: code of a rule or of a dead letter. Processes only partitions with a document that
            broke this rule, and dead letters with this code. None: processes all.

    Raises:
        SettingsError: no rule and no dead letter has this code.
    """
    with open_stores() as stores:
        with_new_documents = _read_letters(progress, stores, reason)
        partitions = sorted({*_partitions(stores.postgres, reason), *with_new_documents})
        stale_days = set(stale_mart_days(stores.postgres))
    if not partitions:
        progress.note(f"Nothing is quarantined{f' for {reason}' if reason else ''}.")
        if not stale_days:
            return RequeueResult(0, 0, [])
    with open_reprocessing(progress) as reprocessing:
        requeued = _Requeue(reprocessing, partitions)
        reprocessing.process(partitions, requeued.report)
        reprocessing.finish(requeued.changed, stale_days)
        failures = reprocessing.outcome.failures
        return RequeueResult(len(partitions), requeued.released.total(), failures)


def _read_letters(progress: Progress, stores: Stores, reason: str | None) -> frozenset[Partition]:
    """Read dead letters again; return the partitions that received documents."""
    lake = stores.mongo.lake()
    with typed_errors(stores.mongo.address):
        letters = letter_reasons(lake)
        codes = known_reasons()
        if reason is not None and reason not in codes and reason not in letters:
            known = ", ".join(sorted({*codes, *letters}))
            raise SettingsError(
                f"No rule and no dead letter has the code {reason!r}. Known: {known}"
            )
        if not letters or (reason is not None and reason not in letters):
            return frozenset()
        reading = reread_dead_letters(lake, stores.stack.source, reason)
    progress.note(
        f"{number_of(reading.read, 'dead letter')} became "
        f"{number_of(reading.documents, 'document')}. Dead letters left: {reading.remaining}."
    )
    return reading.partitions


class _Requeue:
    """Counts each partition's released documents before and after the partition is processed."""

    def __init__(self, reprocessing: Reprocessing, partitions: list[Partition]) -> None:
        self._reprocessing = reprocessing
        self._postgres = reprocessing.stores.postgres
        self._before = {one: _counts(self._postgres, one).released for one in partitions}
        self.released: Counter[Partition] = Counter()
        self.changed: list[Partition] = []

    def report(self, finished: FinishedStretch) -> None:
        """Report the result of each partition that a run processed."""
        for partition in finished.partitions:
            counts = _counts(self._postgres, partition)
            released = counts.released - self._before[partition]
            self.released[partition] = released
            # Even if nothing is released, the partition may have changed: the current rules may
            # reject rows that were published before.
            if self._reprocessing.has_changed(partition):
                self.changed.append(partition)
            reasons = ", ".join(f"{code} {count}" for code, count in counts.reasons.most_common())
            remain = f"{counts.remaining} remain" + (f": {reasons}" if counts.remaining else "")
            name = f"{partition.asset} {partition.key}"
            self._reprocessing.progress.done(name, f"{released} released, {remain}")


def _partitions(postgres: PostgresResource, reason: str | None) -> list[Partition]:
    with postgres.connect() as connection:
        rows = connection.execute(_QUARANTINED, {"reason": reason})
        found = {(asset, key) for asset, key in rows}
    return sorted(
        partition_of(flow, partition_window(key)[0])
        for flow in FLOWS
        for asset, key in found
        if asset == flow.asset
    )


def _counts(postgres: PostgresResource, partition: Partition) -> _QuarantineCounts:
    place = [partition.asset, partition.key]
    with postgres.connect() as connection:
        (released,) = connection.execute(_RELEASED, place).fetchone() or (0,)
        remaining = [reasons for (reasons,) in connection.execute(_REMAINING, place)]
    reasons = Counter(code for codes in remaining for code in codes)
    return _QuarantineCounts(released, len(remaining), reasons)
