"""Inserts new documents into the collections of the data lake, without losing any.

What goes here: inserting. What stays out: partitions and metadata (in `io_managers.mongo`),
reading (in `mongodb`), creating documents (in `coincap.documents`).
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, get_args

import pymongo
from pymongo.collection import Collection
from pymongo.errors import BulkWriteError

from cryptoassets.coincap.documents import RawBatch, canonical_payload
from cryptoassets.errors import MixedSourcesError
from cryptoassets.schemas import FLOWS, RawTable, Table
from cryptoassets.settings import SourceKind
from cryptoassets.stores.documents import is_ours
from cryptoassets.stores.mongodb import (
    DEAD_LETTERS,
    FETCHES,
    WINDOWS,
    Document,
    Lake,
    first_match,
)

_BATCH = 5_000
_DUPLICATE_KEY = 11000
_MAX_BODY_LENGTH = 1 << 20


@dataclass(frozen=True)
class InsertResult:
    """The number of inserted documents; and each refused document, with the server's error code."""

    inserted: int
    refused: list[tuple[Document, int]]


def insert_new(
    collection: Collection[Document], documents: Iterable[Mapping[str, Any]]
) -> InsertResult:
    """Insert documents whose `_id` is new; existing documents stay unchanged."""
    pending = [dict(document) for document in documents]
    inserted = 0
    refused: list[tuple[Document, int]] = []
    for start in range(0, len(pending), _BATCH):
        batch = pending[start : start + _BATCH]
        try:
            inserted += len(collection.insert_many(batch, ordered=False).inserted_ids)
        except BulkWriteError as error:
            inserted += error.details["nInserted"]
            refused += [
                (batch[failure["index"]], failure["code"])
                for failure in error.details["writeErrors"]
                if failure["code"] != _DUPLICATE_KEY
            ]
    return InsertResult(inserted, refused)


def dead_letter_of_refused(document: Document, code: int) -> Document:
    """The dead letter of a document that the server cannot store."""
    return {
        "_id": f"refused:{document['_id']}",
        "url": None,
        "fetched_at": document["fetched_at"],
        "status": None,
        "reason": f"refused_by_store_{code}",
        "body": canonical_payload(document["payload"])[:_MAX_BODY_LENGTH],
    }


@dataclass(frozen=True)
class StoredCounts:
    """The number of documents and dead letters that a batch added."""

    documents: int
    dead_letters: int


def store_batch(lake: Lake, table: Table, batch: RawBatch) -> StoredCounts:
    """Insert the new documents and records of a batch; records of history windows come last."""
    dead_letters = insert_new(lake[DEAD_LETTERS], batch.dead_letters)
    insert_new(lake[FETCHES], batch.fetches)
    stored = insert_new(lake[table.name], batch.documents)
    refused = [dead_letter_of_refused(document, code) for document, code in stored.refused]
    insert_new(lake[DEAD_LETTERS], refused)
    # A history window with a record counts as fetched, so its points must be stored first.
    insert_new(lake[WINDOWS], batch.windows)
    return StoredCounts(stored.inserted, dead_letters.inserted + len(refused))


def refuse_mixed_sources(lake: Lake, batch: RawBatch) -> None:
    """Refuse to mix simulated and real data in the raw collections.

    Raises:
        MixedSourcesError: either the new or the existing data is real, but not both; the message
            names a remedy.
    """
    for table in (flow.raw for flow in FLOWS) if batch.documents else ():
        newest = _newest_own_document(lake, table)
        new_source = batch.documents[0]["source"]
        if newest and (newest["source"] == "coincap") != (new_source == "coincap"):
            message = (
                f"MongoDB collection {lake[table.name].full_name} holds data of source "
                f"{newest['source']!r}; data of source {new_source!r} would mix with it. A retry "
                "will not help; set MONGO_URL, MONGO_DATABASE and POSTGRES_URL to separate "
                "databases for each source, or set none of them (the embedded stores are separate "
                "for each source)"
            )
            raise MixedSourcesError(message)


def _newest_own_document(lake: Lake, table: RawTable) -> Document | None:
    """The newest document that this platform wrote; foreign documents do not block fetches."""
    return first_match(
        lake[table.name],
        {"source": {"$in": list(get_args(SourceKind))}},
        sort=("observed_at", pymongo.DESCENDING),
        matches=lambda document: is_ours(document, table),
    )


def was_skipped(lake: Lake, asset: str, first: str, last: str) -> bool:
    """Whether a run recorded that a partition from `first` to `last` had nothing to store."""
    # Not filtered by partition_key, because the embedded server nx-27017 would treat
    # '2026-11-23-10:00' as a date.
    named = {"$gte": f"{asset}@{first}@", "$lt": f"{asset}@{last}A"}
    return lake[FETCHES].find_one({"_id": named}) is not None
