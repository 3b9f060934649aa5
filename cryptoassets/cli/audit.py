"""The verb `audit`: every hour and day of all three stores, compared document by document.

What goes here: which partitions there are, and the report. What stays out: the comparison itself
(in `transforms.reconciliation`) and the questions to the stores (in `checks.stores`).
"""

from contextlib import closing
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from rich.console import Console
from rich.markup import escape
from rich.status import Status

from cryptoassets.checks.stores import partition_places
from cryptoassets.checks.values import changed_values
from cryptoassets.cli.terminal import FAILED
from cryptoassets.errors import StoreUnavailableError
from cryptoassets.io_managers.address import rebuild_command
from cryptoassets.io_managers.clean_folders import (
    clean_damage,
    clean_partition,
    is_of_older_rules,
)
from cryptoassets.partitions.spans import Span, partition_name
from cryptoassets.resources.mongo import MongoResource
from cryptoassets.resources.postgres import PostgresResource
from cryptoassets.schemas import FLOWS, Flow
from cryptoassets.settings import load_settings
from cryptoassets.stores.documents import lake_id
from cryptoassets.stores.mongodb import Document, count_all, documents_in
from cryptoassets.transforms.reconciliation import Places, discrepancies
from cryptoassets.upkeep.coins import coins_out_of_line, misdescribed_coins
from cryptoassets.upkeep.days import stale_mart_days
from cryptoassets.upkeep.partitions import EVER, ledger_rows, raw_starts, table_starts

_SHOWN = 3
_TRIES = 3
_BY_TODAYS_RULES = "`rebuild` or `requeue`"


@dataclass(frozen=True)
class Compared:
    """What the comparison of one partition found.

    Attributes:
        places: where its documents are.
        differences: what does not add up, one sentence each.
        is_of_older_rules: other rules than today's judged it.
    """

    places: Places
    differences: list[str]
    is_of_older_rules: bool


@dataclass
class Findings:
    """What the comparison found.

    Attributes:
        problems: what does not add up, one sentence each.
        notes: what will add up by itself.
        counted: partitions of each flow, in words.
    """

    problems: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    counted: list[str] = field(default_factory=list)
    documents: int = 0


def audit_stores(console: Console) -> int:
    """Compare the stores and print what does not add up; return the exit code."""
    mongo, postgres = MongoResource(), PostgresResource()
    found = Findings()
    with closing(mongo.lake().client), console.status("Comparing") as status:
        for flow in FLOWS:
            _compare(found, mongo, postgres, flow, status)
        found.problems += _without_coin(postgres) + _coins_out_of_line(postgres)
        found.problems += _misdescribed_coins(postgres) + _stale_marts(postgres)
    console.print(f"Home: {load_settings().home}", soft_wrap=True)
    for note in found.notes:
        console.print(f"[yellow]![/] {escape(note)}", soft_wrap=True)
    for problem in found.problems:
        console.print(f"[red]✗[/] {escape(problem)}", soft_wrap=True)
    if found.problems:
        console.print(
            f"{len(found.problems)} things do not add up. Documents of hours in no place yet, "
            "however old: `cryptoassets run`. Days of history, and all other differences "
            "from raw: `cryptoassets rebuild --from --to`."
        )
        return FAILED
    console.print(
        f"[green]✓[/] {found.documents:,} raw documents in "
        f"{' and '.join(found.counted) or '0 hours'}: each is "
        "loaded, quarantined or superseded, exactly once, and the ledger agrees."
    )
    return 0


def _compare(
    found: Findings, mongo: MongoResource, postgres: PostgresResource, flow: Flow, status: Status
) -> None:
    """Compare all partitions of a flow."""
    ledger, in_partitions, expired = ledger_rows(postgres, flow), 0, 0
    of_older_rules: list[Span] = []
    partitions = sorted(raw_starts(mongo, flow) | ledger.keys() | table_starts(postgres, flow))
    for number, start in enumerate(partitions, start=1):
        window = Span(start, start + flow.span)
        name = f"{flow.asset} {partition_name(window)}"
        status.update(f"Comparing {name} ({number} of {len(partitions)})")
        row = ledger.get(start)
        compared = _compare_partition(mongo, postgres, flow, window)
        places = compared.places
        in_partitions += len(places.raw)
        if row is None or row.expired_at is None:
            found.problems += [f"{name}: {sentence}" for sentence in compared.differences]
            of_older_rules += [window] if compared.is_of_older_rules else []
            continue
        expired += 1
        if places.loaded or places.quarantined:
            found.problems.append(f"{name}: has expired, but rows of it stand in PostgreSQL")
        if places.raw or places.clean:
            found.notes.append(
                f"{name} is expiring: raw documents or Parquet are left, which the next "
                "`cryptoassets retention` deletes"
            )
    found.notes += _of_older_rules(flow, of_older_rules)
    found.problems += _without_partition(mongo, flow, partitions, in_partitions)
    found.counted += [_counted(flow, len(partitions) - expired)] if partitions else []
    found.documents += in_partitions


def _compare_partition(
    mongo: MongoResource, postgres: PostgresResource, flow: Flow, window: Span
) -> Compared:
    """Compare one partition; try again when another run replaces its Parquet meanwhile.

    Raises:
        StoreUnavailableError: it is replaced again and again.
    """
    for _ in range(_TRIES):
        try:
            return _compared(mongo, postgres, flow, window)
        except FileNotFoundError:
            continue
    raise StoreUnavailableError(
        f"{flow.asset} {partition_name(window)}: other runs replaced its Parquet each time it was "
        "read. A retry helps once they have ended"
    )


def _compared(
    mongo: MongoResource, postgres: PostgresResource, flow: Flow, window: Span
) -> Compared:
    damage = clean_damage(flow.clean, window)
    judged = None if damage else clean_partition(flow.clean, window)
    places = partition_places(mongo, postgres, flow, judged, window)
    is_older = is_of_older_rules(flow.clean, window)
    if damage:
        words = (
            f"its Parquet cannot be read ({damage}) and counts as missing: "
            f"{rebuild_command(window)} makes it from raw again"
        )
        return Compared(places, [words], is_older)
    differences = discrepancies(places) + changed_values(postgres, flow, judged, window)
    return Compared(places, differences, is_older)


def _counted(flow: Flow, count: int) -> str:
    word = "hour" if flow.span < timedelta(days=1) else "day"
    return f"{count} {word}{'s' if count != 1 else ''}"


def _of_older_rules(flow: Flow, windows: list[Span]) -> list[str]:
    """Say how many partitions today's rules have not judged: their rows agree, and may be dated."""
    if not windows:
        return []
    first, last = partition_name(windows[0]), partition_name(windows[-1])
    shown = first if first == last else f"{first} to {last}"
    words = f"{_counted(flow, len(windows))} ({shown}) judged by older rules"
    which = "the latter only those with documents in quarantine"
    return [f"{flow.asset}: {words}: run {_BY_TODAYS_RULES} ({which})"]


def _without_partition(
    mongo: MongoResource, flow: Flow, starts: list[datetime], in_partitions: int
) -> list[str]:
    """Name documents that no partition holds; other programs write dates as text, say."""
    collection = mongo.lake()[flow.raw.name]
    missing = count_all(collection) - in_partitions
    if missing == 0:
        return []
    # A server may find text in a range of dates, and MongoDB finds an array by each date in it.
    held = {
        lake_id(document["_id"])
        for start in starts
        for document in documents_in(collection, Span(start, start + flow.span))
        if not _is_in_time(document)
    }
    found = [
        lake_id(document["_id"])
        for document in collection.find({}, {"observed_at": 1})
        if not _is_in_time(document)
    ]
    shown = ", ".join([name for name in found if name not in held][:_SHOWN])
    return [f"{missing} documents of {flow.raw.name} have no time and so no partition ({shown})"]


def _is_in_time(document: Document) -> bool:
    observed_at = document.get("observed_at")
    return isinstance(observed_at, datetime) and EVER[0] <= observed_at < EVER[1]


def _without_coin(postgres: PostgresResource) -> list[str]:
    with postgres.connect() as connection:
        rows = connection.execute(
            "SELECT DISTINCT coin_id FROM warehouse.coin_prices "
            "EXCEPT SELECT coin_id FROM warehouse.coins ORDER BY 1"
        ).fetchall()
    if not rows:
        return []
    shown = ", ".join(row[0] for row in rows[:_SHOWN])
    return [f"{len(rows)} coins have prices but no row in warehouse.coins ({shown})"]


def _coins_out_of_line(postgres: PostgresResource) -> list[str]:
    with postgres.connect() as connection:
        coins = coins_out_of_line(connection)
    by_remedy = {
        f"judged by older rules: run {_BY_TODAYS_RULES}": [c for c in coins if c.is_refused],
        "`cryptoassets rebuild` of the hour repairs them": [c for c in coins if not c.is_refused],
    }
    return [
        f"{len(found)} coins were first or last seen at a time that has no price "
        f"({', '.join(coin.coin_id for coin in found[:_SHOWN])}): {remedy}"
        for remedy, found in by_remedy.items()
        if found
    ]


def _stale_marts(postgres: PostgresResource) -> list[str]:
    days = stale_mart_days(postgres)
    if not days:
        return []
    shown = ", ".join(map(str, days[:_SHOWN])) + (", ..." if len(days) > _SHOWN else "")
    words = "days have marts that are missing or made from older prices or aliases"
    return [f"{len(days)} {words} ({shown}): `cryptoassets run` makes them"]


def _misdescribed_coins(postgres: PostgresResource) -> list[str]:
    with postgres.connect() as connection:
        found = misdescribed_coins(connection)
    if not found:
        return []
    shown = ", ".join(f"{coin_id}: {', '.join(names)}" for coin_id, names in found[:_SHOWN])
    words = f"coins in warehouse.coins differ from their newest valid document ({shown})"
    return [f"{len(found)} {words}: `cryptoassets rebuild` of their last hour repairs them"]
