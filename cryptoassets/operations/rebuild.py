"""The operation `rebuild`: rebuilds PostgreSQL and the cleaned Parquet from raw documents alone.

What goes here: which partitions of a window can be rebuilt, and which cannot. What stays out:
processing (in `reprocess`) and checking the result (in `audit`).
"""

from dataclasses import dataclass
from datetime import UTC, datetime

from cryptoassets.errors import SettingsError
from cryptoassets.operations.progress import Progress
from cryptoassets.operations.ranges import FinishedStretch, name_of
from cryptoassets.operations.reprocess import Reprocessing, open_reprocessing
from cryptoassets.operations.session import Stores
from cryptoassets.partitions.spans import Span
from cryptoassets.schemas import FLOWS, Flow
from cryptoassets.stores.expiry import restore_ledger
from cryptoassets.upkeep.partitions import (
    ALL_TIME,
    Partition,
    ledger_rows,
    partition_of,
    raw_starts,
    table_starts,
)


@dataclass(frozen=True)
class Plan:
    """The partitions of a window; each list is sorted, oldest first.

    Attributes:
        wanted: partitions that have raw documents and are therefore rebuilt.
        orphans: partitions that have rows in PostgreSQL but no raw documents; they are reported.
        expired: partitions that retention deleted; they are skipped.
    """

    wanted: list[Partition]
    orphans: list[Partition]
    expired: list[Partition]


@dataclass(frozen=True)
class RebuildResult:
    """What a rebuild did.

    Attributes:
        wanted: number of partitions with raw documents.
        rebuilt: number of partitions that were rebuilt successfully.
        expired: number of partitions that retention deleted.
        failures: one sentence per failure; for a partition without raw documents, only its key.
    """

    wanted: int
    rebuilt: int
    expired: int
    failures: list[str]


def rebuild(progress: Progress, since: datetime | None, until: datetime | None) -> RebuildResult:
    """Rebuild every partition of a window from raw documents.

    Args:
        progress: receives reports.
        since: start of the window in UTC; the partition that contains it is rebuilt completely;
            None: no limit.
        until: end of the window in UTC, not included; None: no limit.

    Raises:
        SettingsError: the window is empty.
    """
    window = Span(_utc(since) or ALL_TIME[0], _utc(until) or ALL_TIME[1])
    if window[0] >= window[1]:
        raise SettingsError(f"--from {since} is not before --to {until}")
    with open_reprocessing(progress) as reprocessing:
        _restore_ledger(reprocessing)
        plan = _plan(reprocessing, window)
        failures = reprocessing.outcome.failures
        for orphan in plan.orphans:
            failures.append(orphan.key)
            progress.fail(
                f"{orphan.asset} {orphan.key} has rows in PostgreSQL but no raw document, so it "
                "was not changed. Restore MongoDB's documents from a backup"
            )

        def report(finished: FinishedStretch) -> None:
            name = f"{finished.partitions[0].asset} {name_of(finished.partitions)}"
            progress.done(name, reprocessing.counts(finished), finished.seconds)

        rebuilt = reprocessing.process(plan.wanted, report)
        reprocessing.finish(rebuilt)
    return RebuildResult(len(plan.wanted), len(rebuilt), len(plan.expired), failures)


def _utc(moment: datetime | None) -> datetime | None:
    return moment.replace(tzinfo=UTC) if moment else None


def _restore_ledger(reprocessing: Reprocessing) -> None:
    """Restore lost ledger rows of expired partitions from the records in the lake."""
    stores = reprocessing.stores
    with stores.postgres.connect() as connection, connection.cursor() as cursor:
        restored = restore_ledger(cursor, stores.mongo.lake())
    if restored:
        reprocessing.progress.note(f"Restored the ledger rows of {restored} expired partitions.")


def _plan(reprocessing: Reprocessing, window: Span) -> Plan:
    plan = Plan([], [], [])
    for flow in FLOWS:
        _add(plan, reprocessing.stores, flow, window)
    for partitions in vars(plan).values():
        partitions.sort()
    return plan


def _add(plan: Plan, stores: Stores, flow: Flow, window: Span) -> None:
    start, end = window
    whole = Span(start - (start - ALL_TIME[0]) % flow.span, end)
    raw = raw_starts(stores.mongo, flow, whole)
    ledger = ledger_rows(stores.postgres, flow, whole)
    expired = {start for start, row in ledger.items() if row.expired_at}
    published = {start for start, row in ledger.items() if row.raw_rows}
    rows = published | table_starts(stores.postgres, flow, whole)
    for partitions, starts in (
        (plan.wanted, raw - expired),
        (plan.orphans, rows - raw - expired),
        (plan.expired, expired),
    ):
        partitions += [partition_of(flow, start) for start in starts]
