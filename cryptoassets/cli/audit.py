"""The verb `audit`: every hour of all three stores, compared document by document.

What goes here: which hours there are, and the report. What stays out: the comparison itself (in
`transforms.reconciliation`) and the questions to the stores (in `checks.stores`).
"""

from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime, timedelta

import pymongo
from pymongo.collection import Collection
from rich.console import Console
from rich.markup import escape

from cryptoassets.checks.stores import ASSET, partition_places
from cryptoassets.cli.terminal import FAILED
from cryptoassets.io_managers.address import partition_name
from cryptoassets.io_managers.lake import lake_id
from cryptoassets.io_managers.spark import clean_partition
from cryptoassets.resources.mongo import Document, MongoResource
from cryptoassets.resources.postgres import PostgresResource
from cryptoassets.schemas import CLEAN_COIN_PRICES
from cryptoassets.transforms.reconciliation import discrepancies

_HOUR = timedelta(hours=1)
_SHOWN = 3


def audit_stores(console: Console) -> int:
    """Compare the stores and print what does not add up; return the exit code."""
    mongo, postgres = MongoResource(), PostgresResource()
    problems: list[str] = []
    documents = 0
    with closing(mongo.lake().client), console.status("Comparing") as status:
        hours = sorted(_raw_hours(mongo) | _published_hours(postgres))
        for number, hour in enumerate(hours, start=1):
            window = (hour, hour + _HOUR)
            status.update(f"Comparing {partition_name(window)} ({number} of {len(hours)})")
            judged = clean_partition(CLEAN_COIN_PRICES, window)
            places = partition_places(mongo, postgres, judged, window)
            documents += len(places.raw)
            found = discrepancies(places)
            problems += [f"{ASSET} {partition_name(window)}: {words}" for words in found]
        problems += _without_partition(mongo, documents)
        problems += _without_coin(postgres)
    for problem in problems:
        console.print(f"[red]✗[/] {escape(problem)}", soft_wrap=True)
    if problems:
        console.print(
            f"{len(problems)} things do not add up. Documents in no place yet: process their hour "
            "(`cryptoassets run`, or the job `process` in Dagster)."
        )
        return FAILED
    counted = f"{len(hours)} hour{'s' if len(hours) != 1 else ''}"
    console.print(
        f"[green]✓[/] {documents:,} raw documents in {counted}: each is loaded, "
        "quarantined or superseded, exactly once, and the ledger agrees."
    )
    return 0


def _raw_hours(mongo: MongoResource) -> set[datetime]:
    """Hours with raw documents; hops from one to the next along the index."""
    return set(_hops(mongo.lake()["coin_snapshots"]))


def _hops(collection: Collection[Document]) -> Iterator[datetime]:
    start = datetime(1970, 1, 1, tzinfo=UTC)
    while True:
        following = collection.find_one(
            {"observed_at": {"$gte": start}},
            {"observed_at": 1},
            sort=[("observed_at", pymongo.ASCENDING)],
        )
        if following is None:
            return
        hour = following["observed_at"].replace(minute=0, second=0, microsecond=0)
        yield hour
        start = hour + _HOUR


def _published_hours(postgres: PostgresResource) -> set[datetime]:
    with postgres.connect() as connection:
        rows = connection.execute(
            "SELECT to_timestamp(partition_key || '+00', 'YYYY-MM-DD-HH24:MITZH') "
            "FROM warehouse.loads WHERE asset = %s "
            "UNION SELECT DISTINCT date_trunc('hour', observed_at) FROM warehouse.coin_prices",
            [ASSET],
        )
        return {row[0].astimezone(UTC) for row in rows}


def _without_partition(mongo: MongoResource, in_partitions: int) -> list[str]:
    collection = mongo.lake()["coin_snapshots"]
    missing = collection.count_documents({}) - in_partitions
    if missing == 0:
        return []
    found = [
        lake_id(document["_id"])
        for document in collection.find({}, {"observed_at": 1})
        if not isinstance(document.get("observed_at"), datetime)
    ]
    shown = ", ".join(found[:_SHOWN])
    return [f"{missing} raw documents have no time and so no partition ({shown})"]


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
