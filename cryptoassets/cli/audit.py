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
from cryptoassets.io_managers.address import partition_name
from cryptoassets.io_managers.lake import count_all, lake_id
from cryptoassets.io_managers.spark import clean_partition
from cryptoassets.resources.mongo import MongoResource
from cryptoassets.resources.postgres import PostgresResource
from cryptoassets.schemas import FLOWS, Flow
from cryptoassets.transforms.reconciliation import discrepancies
from cryptoassets.upkeep.coins import coins_out_of_line, misdescribed_coins
from cryptoassets.upkeep.partitions import ledger_rows, raw_starts, table_starts

_SHOWN = 3


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
        found.problems += _misdescribed_coins(postgres)
    for note in found.notes:
        console.print(f"[yellow]![/] {escape(note)}", soft_wrap=True)
    for problem in found.problems:
        console.print(f"[red]✗[/] {escape(problem)}", soft_wrap=True)
    if found.problems:
        console.print(
            f"{len(found.problems)} things do not add up. Documents in no place yet: process their "
            "hour (`cryptoassets run`, or the job `process` in Dagster) or day (`backfill`, "
            "`history`); any of them: `cryptoassets rebuild`."
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
    partitions = sorted(raw_starts(mongo, flow) | ledger.keys() | table_starts(postgres, flow))
    for number, start in enumerate(partitions, start=1):
        window = (start, start + flow.span)
        name = f"{flow.asset} {partition_name(window)}"
        status.update(f"Comparing {name} ({number} of {len(partitions)})")
        judged = clean_partition(flow.clean, window)
        places = partition_places(mongo, postgres, flow, judged, window)
        in_partitions += len(places.raw)
        row = ledger.get(start)
        if row is None or row.expired_at is None:
            words = discrepancies(places) + changed_values(postgres, flow, judged, window)
            found.problems += [f"{name}: {sentence}" for sentence in words]
            continue
        expired += 1
        if places.loaded or places.quarantined:
            found.problems.append(f"{name}: has expired, but rows of it stand in PostgreSQL")
        if places.raw or places.clean:
            found.notes.append(
                f"{name} is expiring: raw documents or Parquet are left, which the next "
                "`cryptoassets retention` deletes"
            )
    found.problems += _without_partition(mongo, flow, in_partitions)
    found.counted += [_counted(flow, len(partitions) - expired)] if partitions else []
    found.documents += in_partitions


def _counted(flow: Flow, count: int) -> str:
    word = "hour" if flow.span < timedelta(days=1) else "day"
    return f"{count} {word}{'s' if count != 1 else ''}"


def _without_partition(mongo: MongoResource, flow: Flow, in_partitions: int) -> list[str]:
    collection = mongo.lake()[flow.raw.name]
    missing = count_all(collection) - in_partitions
    if missing == 0:
        return []
    found = [
        lake_id(document["_id"])
        for document in collection.find({}, {"observed_at": 1})
        if not isinstance(document.get("observed_at"), datetime)
    ]
    shown = ", ".join(found[:_SHOWN])
    return [f"{missing} documents of {flow.raw.name} have no time and so no partition ({shown})"]


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
        found = coins_out_of_line(connection)
    if not found:
        return []
    shown = ", ".join(coin.coin_id for coin in found[:_SHOWN])
    words = "coins were first or last seen when no price of theirs stands"
    return [f"{len(found)} {words} ({shown}): `cryptoassets rebuild` of the hour mends them"]


def _misdescribed_coins(postgres: PostgresResource) -> list[str]:
    with postgres.connect() as connection:
        found = misdescribed_coins(connection)
    if not found:
        return []
    shown = ", ".join(f"{coin_id}: {', '.join(names)}" for coin_id, names in found[:_SHOWN])
    words = f"coins in warehouse.coins differ from their newest valid document ({shown})"
    return [f"{len(found)} {words}: `cryptoassets rebuild` of their last hour repairs them"]
