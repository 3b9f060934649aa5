"""The verb `requeue`: quarantined documents judged, and dead letters read, by today's rules.

What goes here: which partitions hold them, and what became of them. What stays out: reading dead
letters (in `upkeep.dead_letters`), processing (in `again`) and the audit trail (in
`io_managers.publishing`).
"""

from collections import Counter
from contextlib import closing
from dataclasses import dataclass
from datetime import date

from rich.console import Console

from cryptoassets.cli.again import Again, processing_again
from cryptoassets.cli.ranges import Done
from cryptoassets.cli.terminal import FAILED
from cryptoassets.embedded import Stack
from cryptoassets.errors import SettingsError
from cryptoassets.partitions.spans import partition_window
from cryptoassets.resources.mongo import MongoResource
from cryptoassets.resources.postgres import PostgresResource
from cryptoassets.schemas import FLOWS
from cryptoassets.settings import load_settings
from cryptoassets.stores.mongodb import typed_errors
from cryptoassets.transforms.rules import REASONS
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
_STAYING = "SELECT reasons FROM warehouse.quarantine WHERE asset = %s AND partition_key = %s"


@dataclass(frozen=True)
class Books:
    """What the quarantine and its trail say of a partition: counts."""

    released: int
    staying: int
    reasons: Counter[str]


def requeue(console: Console, reason: str | None) -> int:
    """Read dead letters and process every partition with quarantined documents again.

    Args:
        console: for progress and what became of each partition.
        reason: only partitions with a document that broke this rule, and dead letters of this
            reason; None: all.

    Returns:
        The exit code.

    Raises:
        SettingsError: no rule and no dead letter has this code.
    """
    postgres = PostgresResource()
    arrived = _read_letters(console, reason)
    partitions = sorted({*_partitions(postgres, reason), *arrived})
    days = set(stale_mart_days(postgres))
    if not partitions:
        console.print(f"Nothing is quarantined{f' for {reason}' if reason else ''}.")
        if not days:
            return 0
    with processing_again(console) as again:
        return _requeue(console, again, partitions, days)


def _read_letters(console: Console, reason: str | None) -> frozenset[Partition]:
    """Read dead letters again; return the partitions that got documents."""
    mongo = MongoResource()
    lake = mongo.lake()
    with closing(lake.client), typed_errors(mongo.address):
        letters = letter_reasons(lake)
        if reason is not None and reason not in REASONS and reason not in letters:
            known = ", ".join(sorted({*REASONS, *letters}))
            raise SettingsError(
                f"No rule and no dead letter has the code {reason!r}. Known: {known}"
            )
        if not letters or (reason is not None and reason not in letters):
            return frozenset()
        reading = reread_dead_letters(lake, Stack(load_settings()).source, reason)
    console.print(
        f"{reading.read} dead letters read again, {reading.documents} documents stored from them; "
        f"{reading.staying} dead letters stay.",
        soft_wrap=True,
    )
    return reading.partitions


def _requeue(console: Console, again: Again, partitions: list[Partition], days: set[date]) -> int:
    before = {partition: _books(again.postgres, partition) for partition in partitions}
    released: Counter[Partition] = Counter()
    changed: list[Partition] = []

    def tell(done: Done) -> None:
        for partition in done.partitions:
            tell_one(partition)

    def tell_one(partition: Partition) -> None:
        books = _books(again.postgres, partition)
        released[partition] = books.released - before[partition].released
        # Today's rules may refuse what stood, too.
        if again.has_changed(partition):
            changed.append(partition)
        reasons = ", ".join(f"{code} {count}" for code, count in books.reasons.most_common())
        stay = f"{books.staying} stay" + (f": {reasons}" if books.staying else "")
        console.print(
            f"[green]  ✓[/] {partition.asset} {partition.key}  "
            f"{released[partition]} released, {stay}",
            soft_wrap=True,
        )

    again.process(partitions, tell)
    again.finish({partition.day.date() for partition in changed} | days)
    failures = again.outcome.failures
    console.print(
        f"{released.total()} documents released from {len(partitions)} partitions"
        + (f"; {len(failures)} things failed" if failures else "")
        + "."
    )
    return FAILED if failures else 0


def _partitions(postgres: PostgresResource, reason: str | None) -> list[Partition]:
    flows = {flow.asset: flow for flow in FLOWS}
    with postgres.connect() as connection:
        rows = connection.execute(_QUARANTINED, {"reason": reason})
        found = {(asset, key) for asset, key in rows}
    return sorted(
        partition_of(flows[asset], partition_window(key)[0])
        for asset, key in found
        if asset in flows
    )


def _books(postgres: PostgresResource, partition: Partition) -> Books:
    place = [partition.asset, partition.key]
    with postgres.connect() as connection:
        (released,) = connection.execute(_RELEASED, place).fetchone() or (0,)
        staying = [reasons for (reasons,) in connection.execute(_STAYING, place)]
    return Books(released, len(staying), Counter(code for codes in staying for code in codes))
