"""MongoDB, the data lake: stores raw documents by `_id`, loads them by range of `observed_at`.

What goes here: storing a batch without loss or duplicates, and loading a partition in the form that
the downstream asset requests. What stays out: creating documents (`coincap.documents`).
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
from cryptoassets.partitions.spans import Span, partition_name, partitions_in
from cryptoassets.resources.failures import TRIES_AGAIN, dagster_failures
from cryptoassets.resources.mongo import MongoResource
from cryptoassets.resources.spark import SparkResource
from cryptoassets.resources.spark_errors import spark_errors
from cryptoassets.resources.workers import credentials
from cryptoassets.schemas import FLOWS, RAW_COIN_SNAPSHOTS, span_of
from cryptoassets.settings import load_settings
from cryptoassets.stores.expiry import refuse_if_all_expired, without_expired
from cryptoassets.stores.lake import (
    insert_new,
    refuse_mixed_sources,
    store_batch,
    was_skipped,
)
from cryptoassets.stores.mongodb import FETCHES, Document, count_in, typed_errors
from cryptoassets.stores.raw import RawRanges

_SHOWN_KEYS = 5
_FORMS: dict[Any, Callable[[RawRanges], Any]] = {
    RawRanges: lambda ranges: ranges,
    DataFrame: RawRanges.frame,
    pa.Table: RawRanges.arrow,
    list: RawRanges.documents,
}
"""Maps an asset's annotation to a function that returns the input in that form."""


class MongoIOManager(dg.ConfigurableIOManager):
    """Stores a `RawBatch`, or the batches of a `RawStream` one by one; loads partitions.

    A partition is loaded as ranges that executors read, as a DataFrame, as an Arrow table or as a
    list of documents.
    """

    mongo: dg.ResourceDependency[MongoResource]
    spark: dg.ResourceDependency[SparkResource]

    def handle_output(self, context: dg.OutputContext, obj: RawBatch | RawStream) -> None:
        """Store documents by `_id`; existing documents stay unchanged.

        Documents of other partitions are stored, too. For a batch, a materialization is logged for
        each other partition. For a stream it is not, because the windows of history extend into
        partitions that other runs process.

        Raises:
            dagster.Failure: SchemaMismatchError: the value has another type. MixedSourcesError:
                real and other data would be mixed; nothing was stored. ExpiredPartitionError:
                retention deleted the partition. StoreUnavailableError: the connection was lost;
                the same batch can be stored again. Or the batch's own `failure`.
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
            refuse_if_all_expired(lake, table.full_name, context.asset_partition_keys)
            refuse_mixed_sources(lake, obj)
            kept = without_expired(lake, table, obj)
            stored = store_batch(lake, table, kept)
            window = address.window_of(context)
            partition_rows = count_in(lake[table.name], window)
            if partition_rows == 0 and obj.failure is None:
                partition = context.partition_key
                insert_new(lake[FETCHES], [_skip_record(context, partition, obj.skipped)])
        # Log `kept`, not `obj`: otherwise the sensor would launch a run for an expired hour.
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
        """Store batches as they arrive; report metadata for each partition of the run."""
        table = address.table_of(context.asset_key)
        partitions = partitions_in(address.window_of(context), span_of(table))
        counts: Counter[str] = Counter({"documents received": 0, "documents new": 0})
        with typed_errors(self.mongo.address):
            lake = self.mongo.lake()
            refuse_if_all_expired(lake, table.full_name, context.asset_partition_keys)
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
        """Load partitions in the form of the downstream asset's annotation.

        Raises:
            dagster.Failure: UpstreamNotMaterializedError: a partition is missing, i.e. it has no
                document and no run recorded that there was nothing to fetch. A range of hours is
                refused if any hour is missing, a range of days if all days are.
                ExpiredPartitionError: retention deleted all partitions.
            TypeError: the annotation is not supported.
        """
        with (
            dagster_failures(tries_again=TRIES_AGAIN),
            spark_errors(),
            typed_errors(self.mongo.address),
        ):
            table = address.table_of(context.asset_key)
            window = address.window_of(context)
            lake = self.mongo.lake()
            partitions = partitions_in(window, span_of(table))
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
            # For an annotation list[...] Dagster passes typing.List, which does not equal list.
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
        """Refuse partitions that were never fetched; they must not be published as empty."""
        empty = [window for window in partitions if count_in(collection, window) == 0]
        if len(empty) == len(partitions):
            raw = ".".join(context.asset_key.path)
            refuse_if_all_expired(self.mongo.lake(), raw, context.asset_partition_keys)
        name = context.asset_key.to_user_string()
        missing = [
            partition_name(window)
            for window in empty
            if not was_skipped(self.mongo.lake(), name, partition_name(window))
        ]
        # An empty answer for a window of history covers all days of the window.
        is_history = collection.name != RAW_COIN_SNAPSHOTS.name
        if missing and not (is_history and len(missing) < len(partitions)):
            message = _missing_message(
                context.asset_key, missing, len(partitions), self.mongo.address
            )
            raise UpstreamNotMaterializedError(message)

    def _log_other_partitions(self, context: dg.OutputContext, batch: RawBatch) -> int:
        """Log a materialization for each other partition; return the number of their documents."""
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


def _missing_message(key: dg.AssetKey, missing: list[str], partitions: int, uri: str) -> str:
    """Name the missing partitions and the remedy."""
    asset = key.to_user_string()
    if partitions == 1:
        remedy = address.remedy(key, missing[0])
        return f"{asset} has no partition {missing[0]!r} in MongoDB at {uri}. {remedy}"
    shown = ", ".join(missing[:_SHOWN_KEYS])
    shown += f" and {len(missing) - _SHOWN_KEYS} more" if len(missing) > _SHOWN_KEYS else ""
    return (
        f"{asset} has nothing of {len(missing)} of {partitions} partitions in MongoDB at {uri}: "
        f"{shown}. Nothing of the range was processed, and a retry will not help; choose ranges "
        "without them, or run `cryptoassets rebuild --from ... --to ...`, which finds the rest"
    )


def _skip_record(context: dg.OutputContext, partition: str, why: str | None) -> Document:
    """The record of a run that had nothing to store: its partition is empty, not missing."""
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
