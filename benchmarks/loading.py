"""Loads workloads into a MongoDB-compatible server.

What goes here: inserting. What stays out: choosing the server (in `servers`), generating the
documents (in `workload`).
"""

from collections.abc import Iterable, Iterator
from itertools import islice
from typing import Any, TypeVar

import pymongo
from pymongo import MongoClient
from pymongo.database import Database

from benchmarks import workload as workloads
from benchmarks.workload import Document, Snapshot, Workload

Item = TypeVar("Item")

BATCH = 5_000
RAW, FETCHES = "coin_snapshots", "snapshot_fetches"


def load(url: str, database: str, workload: Workload) -> int:
    """Fill an empty database with a workload; return the number of documents."""
    with MongoClient[Document](url, tz_aware=True) as client:
        client.drop_database(database)
        lake = client[database]
        # All ways need this index, but only the product would create it itself.
        lake[RAW].create_index([("observed_at", pymongo.ASCENDING)])
        return insert(lake, workloads.snapshots(workload))


def insert(lake: Database[Any], snapshots: Iterable[Snapshot]) -> int:
    """Insert snapshots, each with the record of its fetch; return the number of documents."""
    fetches: list[Document] = []
    count = 0
    for batch in _batches(_documents(snapshots, fetches)):
        lake[RAW].insert_many(batch, ordered=False)
        count += len(batch)
    for batch in _batches(fetches):
        lake[FETCHES].insert_many(batch, ordered=False)
    return count


def drop(url: str, database: str) -> None:
    """Delete a database."""
    with MongoClient[Document](url) as client:
        client.drop_database(database)


def _documents(snapshots: Iterable[Snapshot], fetches: list[Document]) -> Iterator[Document]:
    for snapshot in snapshots:
        fetches.append(snapshot.fetch)
        yield from snapshot.documents


def _batches(items: Iterable[Item]) -> Iterator[list[Item]]:
    iterator = iter(items)
    while batch := list(islice(iterator, BATCH)):
        yield batch
