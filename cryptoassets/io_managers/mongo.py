"""MongoDB, the data lake: raw documents in by `_id`, out by range of `observed_at`.

What goes here: storing a batch so that nothing is lost or doubled, and reading a partition in the
form the downstream asset asks for. What stays out: making documents (`coincap.documents`).
"""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from functools import partial
from typing import Any, get_origin

import dagster as dg
import pyarrow as pa
from pymongo.collection import Collection
from pyspark.sql import DataFrame

from cryptoassets.coincap.documents import RawBatch, RawStream, canonical_payload
from cryptoassets.errors import UpstreamNotMaterializedError
from cryptoassets.io_managers import address, metadata, shapes
from cryptoassets.io_managers.expiry import refuse_noted, without_expired
from cryptoassets.io_managers.lake import (
    insert_new,
    refuse_mixed_sources,
    store_batch,
    was_skipped,
)
from cryptoassets.partitions.spans import Span, partition_name, partitions_in
from cryptoassets.resources.failures import TRIES_AGAIN, dagster_failures
from cryptoassets.resources.mongo import MongoResource
from cryptoassets.resources.spark import SparkResource
from cryptoassets.resources.spark_errors import spark_errors
from cryptoassets.resources.workers import credentials
from cryptoassets.schemas import FLOWS, RAW_COIN_SNAPSHOTS
from cryptoassets.settings import load_settings
from cryptoassets.stores.mongodb import FETCHES, Document, count_in, typed_errors
from cryptoassets.stores.raw import RawRanges

_SHOWN_KEYS = 5
_FORMS: dict[Any, Callable[[RawRanges], Any]] = {
    RawRanges: lambda ranges: ranges,
    DataFrame: RawRanges.frame,
    pa.Table: RawRanges.arrow,
    list: RawRanges.documents,
}
"""An asset's annotation to what it gets."""


class MongoIOManager(dg.ConfigurableIOManager):
    """Stores a `RawBatch`, or a `RawStream` of them as they come; loads partitions.

    They are loaded as ranges that executors read, DataFrame, Arrow table or list of documents.
    """

    mongo: dg.ResourceDependency[MongoResource]
    spark: dg.ResourceDependency[SparkResource]

    def handle_output(self, context: dg.OutputContext, obj: RawBatch | RawStream) -> None:
        """Store a batch by `_id`: what is there already stays as it is.

        Documents of another partition are stored too, and a materialization is logged for it; not
        for those of a stream, whose windows reach into partitions that other runs process.

        Raises:
            dagster.Failure: SchemaMismatchError: neither of the two. MixedSourcesError: the
                collection holds real data and the batch does not, or the other way round; nothing
                was stored. ExpiredPartitionError: retention deleted the partition.
                StoreUnavailableError: the server went away; the same batch can be
                stored again. The batch's own `failure`.
        """
        with dagster_failures():
            shapes.refuse_other_types(context.asset_key, obj, RawBatch, RawStream)
            if isinstance(obj, RawStream):
                self._store_stream(context, obj)
                return
            self._store(context, obj)
            if obj.failure is not None:
                raise obj.failure

    def _store(self, context: dg.OutputContext, obj: RawBatch) -> None:
        table = address.table_of(context.asset_key)
        with typed_errors(self.mongo.address):
            lake = self.mongo.lake()
            refuse_noted(lake, table.full_name, context.asset_partition_keys)
            refuse_mixed_sources(lake, obj)
            kept = without_expired(lake, table, obj)
            stored = store_batch(lake, table, kept)
            window = address.window_of(context)
            partition_rows = count_in(lake[table.name], window)
            if partition_rows == 0 and obj.failure is None:
                partition = context.partition_key
                insert_new(lake[FETCHES], [_skip_record(context, partition, obj.skipped)])
        # Not of `obj`: the sensor would launch a run for an hour that has expired.
        elsewhere = self._log_other_partitions(context, kept)
        metadata.report(
            context,
            table,
            uri=f"{self.mongo.address}/{table.name}",
            partition_rows=partition_rows,
            facts={
                "documents received": len(obj.documents),
                "documents new": stored.documents,
                "documents of other partitions": elsewhere,
                "dead letters": stored.dead_letters,
                **({"skipped": obj.skipped} if obj.skipped else {}),
                **_answered_at(obj),
                **obj.facts,
                "preview": metadata.preview(
                    [_shown(document) for document in obj.documents[: metadata.PREVIEW_ROWS]]
                ),
            },
        )

    def _store_stream(self, context: dg.OutputContext, stream: RawStream) -> None:
        """Store batches as they come; a run over several partitions tells of each."""
        table = address.table_of(context.asset_key)
        partitions = partitions_in(address.window_of(context), address.span_of(table))
        counts: Counter[str] = Counter({"documents received": 0, "documents new": 0})
        with typed_errors(self.mongo.address):
            lake = self.mongo.lake()
            refuse_noted(lake, table.full_name, context.asset_partition_keys)
            is_refusable = True
            for batch in stream.batches:
                if is_refusable and batch.documents:
                    refuse_mixed_sources(lake, batch)
                    is_refusable = False
                stored = store_batch(lake, table, without_expired(lake, table, batch))
                counts["documents received"] += len(batch.documents)
                counts["documents new"] += stored.documents
                counts["dead letters"] += stored.dead_letters
            for window in partitions:
                name = partition_name(window)
                rows = count_in(lake[table.name], window)
                if rows == 0:
                    why = stream.facts.get("skipped")
                    insert_new(lake[FETCHES], [_skip_record(context, name, why)])
                metadata.report(
                    context,
                    table,
                    uri=f"{self.mongo.address}/{table.name}",
                    partition_rows=rows,
                    facts={**counts, **stream.facts},
                    partition=name if len(partitions) > 1 else None,
                )

    def load_input(
        self, context: dg.InputContext
    ) -> RawRanges | DataFrame | pa.Table | list[Document]:
        """Hand partitions on in the form of the downstream asset's annotation.

        Raises:
            dagster.Failure: UpstreamNotMaterializedError: the partition holds no document, and no
                run said that there was nothing to fetch; of a range of hours any such one, of a
                range of days all. ExpiredPartitionError: retention deleted them all.
            TypeError: the annotation is none of the four.
        """
        with (
            dagster_failures(tries_again=TRIES_AGAIN),
            spark_errors(),
            typed_errors(self.mongo.address),
        ):
            table = address.table_of(context.asset_key)
            window = address.window_of(context)
            lake = self.mongo.lake()
            partitions = partitions_in(window, address.span_of(table))
            self._refuse_missing(context, lake[table.name], partitions)
            ranges = RawRanges(
                next(flow for flow in FLOWS if flow.raw is table),
                window,
                lake,
                load_settings().coincap_coins,
                self.spark.tasks,
                partial(credentials, postgres=False),
            )
            wanted = context.dagster_type.typing_type
            # Dagster hands on typing.List for an annotation list[...], which is not equal to it.
            form = get_origin(wanted) or wanted
            if form not in _FORMS:
                message = (
                    f"{context.asset_key.to_user_string()} can be loaded as RawRanges, DataFrame, "
                    f"pyarrow.Table or list[dict[str, Any]], not as {wanted!r}"
                )
                raise TypeError(message)
            if form is DataFrame:
                self.spark.prepare_for()
            return _FORMS[form](ranges)

    def _refuse_missing(
        self,
        context: dg.InputContext,
        collection: Collection[Document],
        partitions: Sequence[Span],
    ) -> None:
        """Refuse hours that nobody fetched, which must not be published as if they were empty."""
        empty = [window for window in partitions if count_in(collection, window) == 0]
        if len(empty) == len(partitions):
            raw = ".".join(context.asset_key.path)
            refuse_noted(self.mongo.lake(), raw, context.asset_partition_keys)
        name = context.asset_key.to_user_string()
        missing = [
            partition_name(window)
            for window in empty
            if not was_skipped(self.mongo.lake(), name, partition_name(window))
        ]
        # A window of history that was answered without points says so for all of its days.
        is_history = collection.name != RAW_COIN_SNAPSHOTS.name
        if missing and not (is_history and len(missing) < len(partitions)):
            message = _told_missing(context.asset_key, missing, len(partitions), self.mongo.address)
            raise UpstreamNotMaterializedError(message)

    def _log_other_partitions(self, context: dg.OutputContext, batch: RawBatch) -> int:
        """Log a materialization for each other partition; return how many documents they got."""
        partitions = context.asset_partitions_def
        if not isinstance(partitions, dg.TimeWindowPartitionsDefinition):
            return 0
        counts = Counter(
            partitions.get_partition_key_for_timestamp(document["observed_at"].timestamp())
            for document in batch.documents
        )
        counts.pop(context.partition_key, None)
        for key, count in counts.items():
            context.log_event(
                dg.AssetMaterialization(
                    asset_key=context.asset_key,
                    partition=key,
                    description=f"Stored by the run of {context.partition_key}",
                    metadata={"documents received": count, "late": True},
                )
            )
        return counts.total()


def _told_missing(key: dg.AssetKey, missing: list[str], partitions: int, uri: str) -> str:
    """Name what is missing, and say what to do."""
    asset = key.to_user_string()
    if partitions == 1:
        remedy = address.remedy(key, missing[0])
        return f"{asset} has no partition {missing[0]!r} in MongoDB at {uri}. {remedy}"
    shown = ", ".join(missing[:_SHOWN_KEYS])
    shown += f" and {len(missing) - _SHOWN_KEYS} more" if len(missing) > _SHOWN_KEYS else ""
    return (
        f"{asset} has nothing of {len(missing)} of {partitions} partitions in MongoDB at {uri}: "
        f"{shown}. Nothing of the range was made, and a retry will not help; choose ranges without "
        "them, or have `cryptoassets rebuild --from ... --to ...` find what is there"
    )


def _skip_record(context: dg.OutputContext, partition: str, why: str | None) -> Document:
    """Say that a run had nothing to store, so that its partition is empty and not missing."""
    return {
        "_id": f"{context.asset_key.to_user_string()}@{partition}@{context.run_id}",
        "asset": context.asset_key.to_user_string(),
        "partition_key": partition,
        "fetched_at": datetime.now(UTC),
        "skipped": why,
    }


def _answered_at(batch: RawBatch) -> dict[str, str]:
    if not batch.documents:
        return {}
    return {"answered at": max(d["fetched_at"] for d in batch.documents).isoformat()}


def _shown(document: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "_id": document["_id"],
        "observed_at": document["observed_at"],
        "payload": canonical_payload(document["payload"]),
    }
