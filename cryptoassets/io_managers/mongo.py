"""MongoDB, the data lake: raw documents in by `_id`, out by range of `observed_at`.

What goes here: storing a batch so that nothing is lost or doubled, and reading a partition in the
form the downstream asset asks for. What stays out: making documents (`coincap.documents`).
"""

import json
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, datetime
from typing import Any

import dagster as dg
import pyarrow as pa
from pymongo.collection import Collection
from pymongo.errors import BulkWriteError
from pyspark.sql import DataFrame

from cryptoassets.coincap.documents import RawBatch, canonical_payload
from cryptoassets.errors import MixedSourcesError, UpstreamNotMaterializedError
from cryptoassets.io_managers import address, metadata, shapes
from cryptoassets.resources.failures import dagster_failures
from cryptoassets.resources.mongo import (
    DEAD_LETTERS,
    FETCHES,
    Document,
    Lake,
    MongoResource,
    typed_errors,
)
from cryptoassets.resources.spark import SparkResource
from cryptoassets.settings import load_settings

_BATCH = 5_000
_DUPLICATE_KEY = 11000


class MongoIOManager(dg.ConfigurableIOManager):
    """Stores a `RawBatch`; loads a partition as DataFrame, Arrow table or list of documents."""

    mongo: dg.ResourceDependency[MongoResource]
    spark: dg.ResourceDependency[SparkResource]

    def handle_output(self, context: dg.OutputContext, obj: RawBatch) -> None:
        """Store a batch by `_id`: what is there already stays as it is.

        Documents of another partition are stored too, and a materialization is logged for it.

        Raises:
            dagster.Failure: SchemaMismatchError: not a `RawBatch`. MixedSourcesError: the
                collection holds real data and the batch does not, or the other way round; nothing
                was stored. StoreUnavailableError: the server went away; the same batch can be
                stored again. The batch's own `failure`.
        """
        with dagster_failures():
            shapes.refuse_other_types(context.asset_key, obj, RawBatch)
            self._store(context, obj)
            if obj.failure is not None:
                raise obj.failure

    def _store(self, context: dg.OutputContext, obj: RawBatch) -> None:
        table = address.table_of(context.asset_key)
        with typed_errors(self.mongo.address):
            lake = self.mongo.lake()
            _refuse_mixed_sources(lake[table.name], obj)
            dead_letters = _insert(lake[DEAD_LETTERS], obj.dead_letters)
            if obj.failure is None:
                _insert(lake[FETCHES], obj.fetches or [_skip_record(context, obj)])
            stored = _insert(lake[table.name], obj.documents)
            refused = [_refusal(document, code) for document, code in stored.refused]
            _insert(lake[DEAD_LETTERS], refused)
            window = address.window_of(context)
            partition_rows = lake[table.name].count_documents(_in(window))
        self._log_other_partitions(context, obj)
        metadata.report(
            context,
            table,
            uri=f"{self.mongo.address}/{table.name}",
            partition_rows=partition_rows,
            facts={
                "documents received": len(obj.documents),
                "documents new": stored.inserted,
                "dead letters": dead_letters.inserted + len(refused),
                **({"skipped": obj.skipped} if obj.skipped else {}),
                **obj.facts,
            },
            rows=[_shown(document) for document in obj.documents[: metadata.PREVIEW_ROWS]],
        )

    def load_input(self, context: dg.InputContext) -> DataFrame | pa.Table | list[Document]:
        """Read a partition by range, in the form of the downstream asset's annotation.

        Raises:
            dagster.Failure: UpstreamNotMaterializedError: the partition holds no document, and no
                run said that there was nothing to fetch.
            TypeError: the annotation is none of the three.
        """
        with dagster_failures():
            found = self._load(context)
            is_frame = context.dagster_type.typing_type is DataFrame
            return self.spark.session.createDataFrame(found) if is_frame else found

    def _load(self, context: dg.InputContext) -> pa.Table | list[Document]:
        table = address.table_of(context.asset_key)
        window = address.window_of(context)
        wanted = context.dagster_type.typing_type
        with typed_errors(self.mongo.address):
            lake = self.mongo.lake()
            if wanted == list[dict[str, Any]]:
                found: Any = list(_documents(lake[table.name], window))
                is_empty = not found
            elif wanted in (DataFrame, pa.Table):
                found = self._arrow_table(lake, context.asset_key, window)
                is_empty = found.num_rows == 0
            else:
                message = (
                    f"{context.asset_key.to_user_string()} can be loaded as DataFrame, "
                    f"pyarrow.Table or list[dict[str, Any]], not as {wanted!r}"
                )
                raise TypeError(message)
            if is_empty:
                self._refuse_missing(lake, context.asset_key, window)
        return found

    def _arrow_table(self, lake: Lake, key: dg.AssetKey, window: address.Window) -> pa.Table:
        table = address.table_of(key)
        schema = address.arrow_schema(table)
        asked = _coins_asked(lake, window)
        # Where no record of the fetch is left, a snapshot is judged by what is asked for today.
        default = (load_settings().coincap_coins, False)
        batches = []
        rows: list[Document] = []
        for document in _documents(lake[table.name], window):
            coins, is_repeated = asked.get(document["observed_at"], default)
            rows.append({**_row(document), "coins_asked": coins, "is_repeated": is_repeated})
            if len(rows) == _BATCH:
                batches.append(pa.RecordBatch.from_pylist(rows, schema=schema))
                rows = []
        batches.append(pa.RecordBatch.from_pylist(rows, schema=schema))
        return pa.Table.from_batches(batches, schema=schema)

    def _refuse_missing(self, lake: Lake, key: dg.AssetKey, window: address.Window) -> None:
        partition = address.partition_name(window)
        if lake[FETCHES].find_one({"asset": key.to_user_string(), "partition_key": partition}):
            return
        message = (
            f"{key.to_user_string()} has no partition {partition!r} in MongoDB at "
            f"{self.mongo.address}. {address.remedy(key, partition)}"
        )
        raise UpstreamNotMaterializedError(message)

    def _log_other_partitions(self, context: dg.OutputContext, batch: RawBatch) -> None:
        partitions = context.asset_partitions_def
        if not isinstance(partitions, dg.TimeWindowPartitionsDefinition):
            return
        counts = Counter(
            partitions.get_partition_key_for_timestamp(document["observed_at"].timestamp())
            for document in batch.documents
        )
        for key, count in counts.items():
            if key == context.partition_key:
                continue
            context.log_event(
                dg.AssetMaterialization(
                    asset_key=context.asset_key,
                    partition=key,
                    description=f"Stored by the run of {context.partition_key}",
                    metadata={"documents received": count, "late": True},
                )
            )


class _Insertion:
    def __init__(self, inserted: int, refused: list[tuple[Document, int]]) -> None:
        self.inserted = inserted
        self.refused = refused


def _insert(collection: Collection[Document], documents: Iterable[Mapping[str, Any]]) -> _Insertion:
    """Insert what is not there yet; report documents that the server cannot hold."""
    pending = [dict(document) for document in documents]
    inserted, refused = 0, []
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
    return _Insertion(inserted, refused)


def _refusal(document: Document, code: int) -> Document:
    return {
        "_id": f"refused:{document['_id']}",
        "url": None,
        "fetched_at": document["fetched_at"],
        "status": None,
        "reason": f"refused_by_store_{code}",
        "body": canonical_payload(document["payload"])[: 1 << 20],
    }


def _skip_record(context: dg.OutputContext, batch: RawBatch) -> Document:
    """Say that a run had nothing to store, so that its partition is empty and not missing."""
    return {
        "_id": f"{context.asset_key.to_user_string()}@{context.partition_key}@{context.run_id}",
        "asset": context.asset_key.to_user_string(),
        "partition_key": context.partition_key,
        "fetched_at": datetime.now(UTC),
        "skipped": batch.skipped,
    }


def _refuse_mixed_sources(collection: Collection[Document], batch: RawBatch) -> None:
    newest = collection.find_one({}, {"source": 1}, sort=[("observed_at", -1)])
    if newest is None or not batch.documents:
        return
    there, coming = newest.get("source"), batch.documents[0]["source"]
    if (there == "coincap") != (coming == "coincap"):
        message = (
            f"MongoDB collection {collection.full_name} holds data of source {there!r}; data of "
            f"source {coming!r} would mix with it. A retry will not help; set MONGO_URL, "
            "MONGO_DATABASE and POSTGRES_URL to databases of their own for each source, or leave "
            "them out (the embedded stores are kept apart)"
        )
        raise MixedSourcesError(message)


def _in(window: address.Window) -> dict[str, Any]:
    return {"observed_at": {"$gte": window[0], "$lt": window[1]}}


def _documents(collection: Collection[Document], window: address.Window) -> Iterator[Document]:
    # The batch size bounds the answer: a server may fail over its message limit without one.
    return iter(collection.find(_in(window), batch_size=_BATCH))


def _coins_asked(lake: Lake, window: address.Window) -> dict[datetime, tuple[int, bool]]:
    """Coins asked for and whether a page came twice, by observed_at, from the fetch records."""
    asked: dict[datetime, tuple[int, bool]] = {}
    for fetch in lake[FETCHES].find(_in(window)):
        coins, is_repeated = asked.get(fetch["observed_at"], (0, False))
        asked[fetch["observed_at"]] = (
            coins + fetch["coins_asked"],
            is_repeated or fetch["is_repeated"],
        )
    return asked


def _row(document: Document) -> Document:
    """One row of RAW_COIN_SNAPSHOTS; a document that is not ours is kept and marked."""
    is_foreign = not (
        isinstance(document["_id"], str)
        and isinstance(document.get("coin_id"), str)
        and isinstance(document.get("fetched_at"), datetime)
        and isinstance(document.get("source"), str)
        and isinstance(document.get("payload"), dict)
    )
    if is_foreign:
        return {
            "raw_id": lake_id(document["_id"]),
            "observed_at": document["observed_at"],
            "payload": json.dumps(document, default=str, sort_keys=True),
            "is_foreign": True,
        }
    return {
        "raw_id": lake_id(document["_id"]),
        "coin_id": document["coin_id"],
        "observed_at": document["observed_at"],
        "fetched_at": document["fetched_at"],
        "source": document["source"],
        "payload": canonical_payload(document["payload"]),
        "is_foreign": False,
    }


def lake_id(document_id: object) -> str:
    """An `_id` as text; one of another type keeps its type, so that no two meet."""
    if isinstance(document_id, str):
        return document_id
    return f"{type(document_id).__name__}:{document_id}"


def _shown(document: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "_id": document["_id"],
        "observed_at": document["observed_at"],
        "payload": canonical_payload(document["payload"]),
    }
