"""Compares a flow's partitions in MongoDB, Parquet and PostgreSQL.

Counts and checksums are compared first, then ids and values.

What goes here: which partitions exist, what is compared in each, and the findings. What stays out:
the comparison itself (in `checks.places` and `checks.values`), counts and checksums (in
`upkeep.unchanged`), coins and marts (in `audit`).
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime

from cryptoassets.checks.places import (
    Reconciliation,
    compare_places,
)
from cryptoassets.checks.values import changed_values
from cryptoassets.errors import StoreUnavailableError
from cryptoassets.operations.last_audit import LastAudit
from cryptoassets.operations.older_rules import older_rules_warnings
from cryptoassets.operations.progress import Progress, number_of
from cryptoassets.partitions.spans import Span, partition_name, rebuild_command
from cryptoassets.resources.mongo import MongoResource
from cryptoassets.resources.postgres import PostgresResource
from cryptoassets.schemas import Flow
from cryptoassets.stores.clean_checksums import files_checksum
from cryptoassets.stores.clean_folders import (
    clean_damage,
    clean_partition,
    is_judged_by_older_rules,
    unchanged_files_hash,
)
from cryptoassets.stores.documents import lake_id
from cryptoassets.stores.ledger import LedgerRow
from cryptoassets.stores.mongodb import Document, count_all, documents_in
from cryptoassets.upkeep.partitions import ALL_TIME, raw_starts
from cryptoassets.upkeep.unchanged import (
    published_and_raw,
    published_partition,
)

_SHOWN = 3
_ATTEMPTS = 3


@dataclass
class Findings:
    """What the comparison found.

    Attributes:
        problems: differences, one sentence each.
        notes: what is no problem but worth knowing, e.g. partitions judged by older rules, and
            comparisons that may miss differences.
        not_compared: which ids were not compared again; this is normal.
        counted: one phrase per flow: how many of its partitions were compared.
        documents: number of raw documents compared.
    """

    problems: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    not_compared: list[str] = field(default_factory=list)
    counted: list[str] = field(default_factory=list)
    documents: int = 0


@dataclass(frozen=True)
class ComparedStores:
    """The stores that are compared, and what earlier audits have compared.

    Attributes:
        last: partitions that earlier audits have compared.
        is_full: compare all documents, even if an earlier audit has compared them.
    """

    mongo: MongoResource
    postgres: PostgresResource
    last: LastAudit
    is_full: bool


def compare_flow(stores: ComparedStores, flow: Flow, found: Findings, progress: Progress) -> None:
    """Compare all partitions of a flow.

    Args:
        stores: the stores to compare.
        flow: the kind of document.
        found: receives the findings.
        progress: shows which partition is being compared.
    """
    _FlowAudit(stores, flow, found, progress).compare()


class _FlowAudit:
    def __init__(
        self, stores: ComparedStores, flow: Flow, found: Findings, progress: Progress
    ) -> None:
        self._stores, self._flow, self._found, self._progress = stores, flow, found, progress
        self._published, self._raw = published_and_raw(
            stores.mongo, stores.postgres, flow, self._doing
        )
        self._skipped: list[tuple[int, datetime]] = []

    def _doing(self, partition: str) -> None:
        self._progress.doing(f"Comparing {partition}")

    def compare(self) -> None:
        """Compare each partition that is in the ledger, the lake or the table."""
        ledger, mongo, flow = self._published.ledger, self._stores.mongo, self._flow
        raw = self._raw
        starts = {start for start, count in raw.counts.items() if count}
        starts |= raw_starts(mongo, flow) if self._stores.is_full else set()
        partitions = sorted(starts | ledger.keys() | self._published.checksums.keys())
        of_older_rules, in_partitions, expired = [], 0, 0
        for number, start in enumerate(partitions, start=1):
            window = Span(start, start + flow.span)
            self._doing(f"{self._name(window)} ({number} of {len(partitions)})")
            row, count = ledger.get(start), raw.counts.get(start, 0)
            if row is not None and row.expired_at is not None:
                expired += 1
                self._compare_expired(window, count)
            else:
                if is_judged_by_older_rules(flow.clean, window):
                    of_older_rules.append(window)
                count = self._compare_partition(window, row, count)
            in_partitions += count
        self._found.notes += older_rules_warnings(flow, of_older_rules)
        self._note_what_was_not_compared(are_counts_exact=raw.are_exact)
        if not (raw.are_all and in_partitions == sum(raw.counts.values())):
            self._found.problems += _without_partition(mongo, flow, partitions, in_partitions)
        if partitions:
            words = number_of(len(partitions) - expired, flow.unit)
            self._found.counted.append(f"{words} of {flow.published.name}")
        self._found.documents += in_partitions

    def _name(self, window: Span) -> str:
        return f"{self._flow.asset} {partition_name(window)}"

    def _compare_expired(self, window: Span, count: int) -> None:
        if window.start in self._published.checksums:
            words = "has expired, but PostgreSQL still contains its rows"
            self._found.problems.append(f"{self._name(window)}: {words}")
        if count or clean_partition(self._flow.clean, window) is not None:
            self._found.notes.append(
                f"{self._name(window)} is expiring: the next `cryptoassets retention` deletes its "
                "remaining raw documents or Parquet"
            )

    def _compare_partition(self, window: Span, row: LedgerRow | None, count: int) -> int:
        """Compare one partition; return how many raw documents it has."""
        last = self._stores.last
        is_as_published = (
            row is not None
            and row.raw_rows == count
            and self._published.has_published_rows(window.start)
            and row.clean_checksum is not None
        )
        files = unchanged_files_hash(self._flow.clean, window)
        if is_as_published and row and files and not self._stores.is_full:
            at = last.compared_at(self._flow, window, row, files)
            if at is not None:
                self._skipped.append((count, at))
                return count
        compared = self._retry_if_replaced(window, self._compare_all)
        differences = compared.problems
        differences += self._checksum_differences(window, row, has_differences=bool(differences))
        self._found.problems += [f"{self._name(window)}: {words}" for words in differences]
        if row is None or files is None or differences:
            last.forget(self._flow, window)
        else:
            last.note(self._flow, window, row, files)
        return compared.documents

    def _retry_if_replaced(
        self, window: Span, compare: Callable[[Span], Reconciliation]
    ) -> Reconciliation:
        """Compare; retry if another run replaces the Parquet in the meantime.

        Raises:
            StoreUnavailableError: the Parquet was replaced during every attempt.
        """
        for _ in range(_ATTEMPTS):
            try:
                return compare(window)
            except FileNotFoundError:
                continue
        raise StoreUnavailableError(
            f"{self._name(window)}: other runs replaced its Parquet each time it was read. Try "
            "again when they have ended"
        )

    def _compare_all(self, window: Span) -> Reconciliation:
        """Compare ids and values in all three stores."""
        flow, stores = self._flow, self._stores
        damage = clean_damage(flow.clean, window)
        judged = None if damage else clean_partition(flow.clean, window)
        found = compare_places(stores.mongo, stores.postgres, flow, judged, window)
        if damage:
            words = (
                f"its Parquet cannot be read ({damage}) and counts as missing: "
                f"{rebuild_command(window)} rebuilds it from raw"
            )
            return found._replace(problems=[words])
        changed = changed_values(stores.postgres, flow, judged, window)
        return found._replace(problems=found.problems + changed)

    def _checksum_differences(
        self, window: Span, row: LedgerRow | None, *, has_differences: bool
    ) -> list[str]:
        """Return differences in columns that only the checksums cover."""
        if row is None:
            return []
        remedy = f"{rebuild_command(window)} rebuilds them from raw"
        found = []
        if _files_differ(self._flow, window, row) and not has_differences:
            found.append(f"its Parquet does not contain the published rows: {remedy}")
        if not has_differences and not self._published.has_published_rows(window.start):
            # Another run may have published in the meantime.
            now = published_partition(self._stores.postgres, self._flow, window)
            found += [f"{words}: {remedy}" for words in now.differing_rows(window.start)]
        return found

    def _note_what_was_not_compared(self, *, are_counts_exact: bool) -> None:
        if self._skipped:
            documents = sum(count for count, _ in self._skipped)
            oldest = min(at for _, at in self._skipped)
            self._found.not_compared.append(
                f"{self._flow.asset}: the ids of {documents:,} raw documents in "
                f"{number_of(len(self._skipped), self._flow.unit)} were not compared again: counts "
                "and checksums have not changed since these ids were last compared "
                f"({oldest:%Y-%m-%d %H:%M} UTC or later). `cryptoassets audit --full` compares all "
                "of them"
            )
        if not (are_counts_exact or self._stores.is_full):
            self._found.notes.append(
                f"{self._flow.asset}: raw documents were counted over longer windows, not in each "
                "partition, because this MongoDB server reads all of them for each count. A "
                "surplus document in one partition may hide a missing one in another. "
                "`cryptoassets audit --full` compares all of them"
            )


def _files_differ(flow: Flow, window: Span, row: LedgerRow) -> bool | None:
    """Whether the Parquet differs from the published rows; None: a checksum is missing."""
    checksum = files_checksum(flow.clean, window)
    if row.clean_checksum is None or checksum is None:
        return None
    return checksum != row.clean_checksum


def _without_partition(
    mongo: MongoResource, flow: Flow, starts: list[datetime], in_partitions: int
) -> list[str]:
    """Report documents that are in no partition, e.g. because their date was stored as a string."""
    collection = mongo.lake()[flow.raw.name]
    missing = count_all(collection) - in_partitions
    if missing == 0:
        return []
    # A query by date also finds some of these documents: some servers match dates that are stored
    # as strings, and MongoDB matches an array if any date in it is in the range.
    in_partitions_by_query = {
        lake_id(document["_id"])
        for start in starts
        for document in documents_in(collection, Span(start, start + flow.span))
        if not _has_valid_time(document)
    }
    found = [
        lake_id(document["_id"])
        for document in collection.find({}, {"observed_at": 1})
        if not _has_valid_time(document)
    ]
    shown = ", ".join([name for name in found if name not in in_partitions_by_query][:_SHOWN])
    documents = number_of(missing, "document")
    return [
        f"{documents} of {flow.raw.name} without a valid time and so without a partition ({shown})"
    ]


def _has_valid_time(document: Document) -> bool:
    observed_at = document.get("observed_at")
    return isinstance(observed_at, datetime) and ALL_TIME[0] <= observed_at < ALL_TIME[1]
