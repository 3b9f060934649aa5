"""The data lake's collections: inserting what is new, reading a range, nothing lost on the way.

What goes here: what is asked of MongoDB, without Dagster. What stays out: partitions and metadata
(in `mongo`), documents as rows (in `raw_rows`), making documents (`coincap.documents`).
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, get_args

import pyarrow as pa
import pymongo
from bson import Int64
from pymongo.collection import Collection
from pymongo.errors import BulkWriteError

from cryptoassets.coincap.documents import RawBatch, canonical_payload
from cryptoassets.errors import MixedSourcesError
from cryptoassets.io_managers.raw_rows import is_ours, row_of
from cryptoassets.partitions.spans import Span
from cryptoassets.resources.mongo import (
    DEAD_LETTERS,
    FETCHES,
    WINDOWS,
    Document,
    FieldTypes,
    Lake,
    first_match,
    well_formed,
)
from cryptoassets.schemas import FLOWS, RAW_COIN_SNAPSHOTS, Table
from cryptoassets.schemas.arrow import arrow_schema
from cryptoassets.settings import SourceKind

_BATCH = 5_000
_DUPLICATE_KEY = 11000
_LONGEST_BODY = 1 << 20
_FETCH_FIELDS: FieldTypes = {
    "observed_at": (datetime,),
    "coins_asked": (int, Int64),
    "is_repeated": (bool,),
}


@dataclass(frozen=True)
class Insertion:
    """What became of documents: new ones, and those that the server cannot hold, with its code."""

    inserted: int
    refused: list[tuple[Document, int]]


def insert_new(
    collection: Collection[Document], documents: Iterable[Mapping[str, Any]]
) -> Insertion:
    """Insert what is not there yet by `_id`; what is there stays as it is."""
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
    return Insertion(inserted, refused)


def dead_letter_of_refused(document: Document, code: int) -> Document:
    """The dead letter of a document that the server cannot hold."""
    return {
        "_id": f"refused:{document['_id']}",
        "url": None,
        "fetched_at": document["fetched_at"],
        "status": None,
        "reason": f"refused_by_store_{code}",
        "body": canonical_payload(document["payload"])[:_LONGEST_BODY],
    }


@dataclass(frozen=True)
class Stored:
    """What a batch added, counts."""

    documents: int
    dead_letters: int


def store_batch(lake: Lake, table: Table, batch: RawBatch) -> Stored:
    """Insert what a batch holds and is not there yet; what came of calls of history comes last."""
    dead_letters = insert_new(lake[DEAD_LETTERS], batch.dead_letters)
    insert_new(lake[FETCHES], batch.fetches)
    stored = insert_new(lake[table.name], batch.documents)
    refused = [dead_letter_of_refused(document, code) for document, code in stored.refused]
    insert_new(lake[DEAD_LETTERS], refused)
    # A window counts as fetched when its points are there, and not before.
    insert_new(lake[WINDOWS], batch.windows)
    return Stored(stored.inserted, dead_letters.inserted + len(refused))


def refuse_mixed_sources(lake: Lake, batch: RawBatch) -> None:
    """Refuse simulated data beside real data, in any raw collection, and the other way round.

    Raises:
        MixedSourcesError: with the way out.
    """
    for table in (flow.raw for flow in FLOWS) if batch.documents else ():
        newest = _newest_of_ours(lake, table)
        coming = batch.documents[0]["source"]
        if newest and (newest["source"] == "coincap") != (coming == "coincap"):
            message = (
                f"MongoDB collection {lake[table.name].full_name} holds data of source "
                f"{newest['source']!r}; data of source {coming!r} would mix with it. A retry will "
                "not help; set MONGO_URL, MONGO_DATABASE and POSTGRES_URL to databases of their "
                "own for each source, or leave them out (the embedded stores are kept apart)"
            )
            raise MixedSourcesError(message)


def _newest_of_ours(lake: Lake, table: Table) -> Document | None:
    """The newest document that this platform wrote: a foreign one must not stop every fetch."""
    return first_match(
        lake[table.name],
        {"source": {"$in": list(get_args(SourceKind))}},
        sort=("observed_at", pymongo.DESCENDING),
        matches=lambda document: is_ours(document, table),
    )


def in_window(window: Span) -> dict[str, Any]:
    """The filter of a partition's documents; the index on `observed_at` serves it."""
    return {"observed_at": {"$gte": window[0], "$lt": window[1]}}


def count_in(collection: Collection[Document], window: Span) -> int:
    """How many documents a partition holds."""
    return count_matching(collection, in_window(window))


def count_matching(collection: Collection[Document], query: Mapping[str, Any]) -> int:
    """How many documents a filter matches, exactly; not for an empty one, see `count_all`."""
    # Not count_documents(), an aggregation: nx-27017 reads every document for one, 16 s for 120,000
    # of them (and 4 s for find_one(), which is none the faster for its limit), and answers this
    # command in 0.3 s. All are exact.
    counted = collection.database.command("count", collection.name, query=query)
    return int(counted["n"])


def count_all(collection: Collection[Document]) -> int:
    """How many documents a collection holds, exactly."""
    # Without a filter MongoDB would answer from metadata, which a crash leaves wrong.
    return count_matching(collection, {"_id": {"$exists": True}})


def was_skipped(lake: Lake, asset: str, partition: str) -> bool:
    """Whether a run of an asset said of a partition that there was nothing to fetch."""
    name = f"{asset}@{partition}"
    # Not by partition_key: nx-27017 takes '2026-11-23-10:00' in a filter for a date.
    said = lake[FETCHES].find_one({"_id": {"$gte": f"{name}@", "$lt": f"{name}A"}})
    return said is not None


def documents_in(collection: Collection[Document], window: Span) -> Iterator[Document]:
    """The documents of a partition, unordered."""
    # The batch size bounds the answer: a server may fail over its message limit without one.
    return iter(collection.find(in_window(window), batch_size=_BATCH))


def arrow_batches(
    lake: Lake, table: Table, window: Span, *, coins_asked: int
) -> Iterator[pa.RecordBatch]:
    """The documents of a partition as rows of `table`, a batch at a time.

    Args:
        lake: the database.
        table: the raw table of a flow.
        window: the partition.
        coins_asked: what a snapshot is judged by where no record of its fetch is left.
    """
    schema = arrow_schema(table)
    is_snapshot = table is RAW_COIN_SNAPSHOTS
    asked = asked_for(lake, window) if is_snapshot else {}
    rows: list[Document] = []
    for document in documents_in(lake[table.name], window):
        row = row_of(document, table, window)
        coins, is_repeated = asked.get(row["observed_at"], (coins_asked, False))
        of_fetch = {"coins_asked": coins, "is_repeated": is_repeated} if is_snapshot else {}
        rows.append({**row, **of_fetch})
        if len(rows) == _BATCH:
            yield pa.RecordBatch.from_pylist(rows, schema=schema)
            rows = []
    yield pa.RecordBatch.from_pylist(rows, schema=schema)


def asked_for(lake: Lake, window: Span) -> dict[datetime, tuple[int, bool]]:
    """Coins asked for and whether a page came twice, by observed_at, from the fetch records."""
    asked: dict[datetime, tuple[int, bool]] = {}
    for fetch in well_formed(lake[FETCHES].find(in_window(window)), _FETCH_FIELDS):
        coins, is_repeated = asked.get(fetch["observed_at"], (0, False))
        asked[fetch["observed_at"]] = (
            coins + fetch["coins_asked"],
            is_repeated or fetch["is_repeated"],
        )
    return asked
