"""MongoDB, the data lake: stores raw documents by `_id` and loads them by `observed_at`.

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
from pyspark.sql import DataFrame

from cryptoassets.coincap.documents import RawBatch, RawStream, canonical_payload
from cryptoassets.facts import Fact, metadata_of
from cryptoassets.io_managers import address, metadata, shapes
from cryptoassets.io_managers.missing_raw import refuse_missing
from cryptoassets.partitions.spans import Span, partition_name
from cryptoassets.resources.failures import STEP_RETRIES, dagster_failures
from cryptoassets.resources.mongo import MongoResource
from cryptoassets.resources.spark import SparkResource
from cryptoassets.resources.spark_errors import spark_errors
from cryptoassets.resources.workers import credentials
from cryptoassets.schemas import FLOWS, Flow, Table, span_of
from cryptoassets.settings import load_settings
from cryptoassets.stores.expiry import refuse_if_all_expired, without_expired
from cryptoassets.stores.lake import (
    insert_new,
    refuse_mixed_sources,
    store_batch,
)
from cryptoassets.stores.mongodb import (
    FETCHES,
    Document,
    Lake,
    count_in,
    typed_errors,
)
from cryptoassets.stores.raw import RawRanges
from cryptoassets.stores.raw_starts import with_documents

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

        Documents that belong to partitions outside the run are stored, too. For a batch, a
        materialization is logged for each of these partitions. For a stream, none is logged,
        because history windows extend into partitions that other runs process.

        Raises:
            dagster.Failure: SchemaMismatchError: the value has another type. MixedSourcesError:
                real and simulated data would be mixed; nothing was stored. ExpiredPartitionError:
                retention deleted the partition. StoreUnavailableError: the connection was lost;
                the same batch can be stored again. Or the batch's own `failure` or `if_empty`.
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
        partitions = address.partitions_of(context, span_of(table))
        with typed_errors(self.mongo.address):
            lake = self.mongo.lake()
            refuse_if_all_expired(lake, table.full_name, context.asset_partition_keys)
            refuse_mixed_sources(lake, obj)
            kept = without_expired(lake, table, obj)
            stored = store_batch(lake, table, kept)
            counts = _counts(lake, table, partitions)
            if not counts and obj.if_empty is not None:
                raise obj.if_empty
        # Log `kept`, not `obj`: otherwise the sensor would launch a run for an expired hour.
        elsewhere = self._log_other_partitions(context, kept, {} if counts else obj.facts)
        facts: dict[str, Any] = {
            Fact.DOCUMENTS_RECEIVED: len(obj.documents),
            Fact.DOCUMENTS_NEW: stored.documents,
            Fact.DOCUMENTS_OF_OTHER_PARTITIONS: elsewhere,
            Fact.DEAD_LETTERS: stored.dead_letters,
            **({Fact.SKIPPED: obj.skipped} if obj.skipped else {}),
            **_answered_at(obj),
            **obj.facts,
            "preview": metadata.preview(
                [_shown(document) for document in obj.documents[: metadata.PREVIEW_ROWS]]
            ),
        }
        if obj.failure is None:
            self._report(context, table, partitions, counts, facts)

    def _report(
        self,
        context: dg.OutputContext,
        table: Table,
        partitions: Sequence[Span],
        counts: Mapping[Span, int],
        facts: Mapping[str, Any],
    ) -> None:
        """Report partitions with documents as materialized, and the others as empty."""
        if not counts:
            # Otherwise the partitions would count as never fetched. A range needs only one record.
            record = _skip_record(context, partitions[-1], facts.get(Fact.SKIPPED))
            insert_new(self.mongo.lake()[FETCHES], [record])
        for window, rows in counts.items():
            metadata.report(
                context,
                table,
                uri=f"{self.mongo.address}/{table.name}",
                partition_rows=rows,
                facts={**facts, **_next_step(table, window)},
                partition=partition_name(window) if len(partitions) > 1 else None,
            )
        empty = [window for window in partitions if window not in counts]
        metadata.report_empty(context, empty, facts)
        metadata.materialize_only(context, list(counts))

    def _store_stream(self, context: dg.OutputContext, stream: RawStream) -> None:
        """Store batches as they arrive; report metadata for each partition with documents."""
        table = address.table_of(context.asset_key)
        partitions = address.partitions_of(context, span_of(table))
        counts: Counter[str] = Counter({Fact.DOCUMENTS_RECEIVED: 0, Fact.DOCUMENTS_NEW: 0})
        with typed_errors(self.mongo.address):
            lake = self.mongo.lake()
            refuse_if_all_expired(lake, table.full_name, context.asset_partition_keys)
            is_unchecked = True
            for batch in stream.batches:
                if is_unchecked and batch.documents:
                    refuse_mixed_sources(lake, batch)
                    is_unchecked = False
                stored = store_batch(lake, table, without_expired(lake, table, batch))
                counts[Fact.DOCUMENTS_RECEIVED] += len(batch.documents)
                counts[Fact.DOCUMENTS_NEW] += stored.documents
                counts[Fact.DEAD_LETTERS] += stored.dead_letters
            rows = _counts(lake, table, partitions)
            self._report(context, table, partitions, rows, {**counts, **stream.facts})

    def load_input(
        self, context: dg.InputContext
    ) -> RawRanges | DataFrame | pa.Table | list[Document]:
        """Load partitions in the form of the downstream asset's annotation.

        Raises:
            dagster.Failure: UpstreamNotMaterializedError: the partition is missing: it has no
                document, and no run recorded that there was nothing to fetch. A range is refused
                only if all of its partitions are missing.
                ExpiredPartitionError: retention deleted all partitions.
            TypeError: the annotation is not supported.
        """
        with (
            dagster_failures(retries=STEP_RETRIES),
            spark_errors(),
            typed_errors(self.mongo.address),
        ):
            table = address.table_of(context.asset_key)
            window = address.window_of(context)
            lake = self.mongo.lake()
            partitions = address.partitions_of(context, span_of(table))
            refuse_missing(context, self.mongo, _flow_from(table), partitions)
            ranges = RawRanges(
                _flow_from(table),
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

    def _log_other_partitions(
        self, context: dg.OutputContext, batch: RawBatch, facts: Mapping[str, Any]
    ) -> int:
        """Log materializations for partitions outside the run; return their document count."""
        partitions = context.asset_partitions_def
        if not isinstance(partitions, dg.TimeWindowPartitionsDefinition):
            return 0
        counts: Counter[str] = Counter()
        # A snapshot's documents all have the same time, and finding a time's partition is slow.
        for moment, documents in Counter(d["observed_at"] for d in batch.documents).items():
            counts[partitions.get_partition_key_for_timestamp(moment.timestamp())] += documents
        for key in context.asset_partition_keys:
            counts.pop(key, None)
        run = " to ".join(dict.fromkeys(context.asset_partition_key_range))
        for key, count in counts.items():
            context.log_event(
                dg.AssetMaterialization(
                    asset_key=context.asset_key,
                    partition=key,
                    description=f"Stored by the run for {run}",
                    metadata=metadata_of(
                        {**facts, Fact.DOCUMENTS_RECEIVED: count, Fact.IS_LATE: True}
                    ),
                )
            )
        return counts.total()


def _flow_from(table: Table) -> Flow:
    return next(flow for flow in FLOWS if flow.raw is table)


def _counts(lake: Lake, table: Table, partitions: Sequence[Span]) -> dict[Span, int]:
    """The number of documents of each partition that has any, oldest first."""
    collection = lake[table.name]
    if len(partitions) > 1:
        partitions = with_documents(collection, partitions)
    counted = ((one, count_in(collection, one)) for one in partitions)
    return {window: rows for window, rows in counted if rows}


def _next_step(table: Table, window: Span) -> dict[str, str]:
    """The jobs to launch next, for a user who launched only the fetch."""
    flow = _flow_from(table)
    if flow.fetch_job is None:
        return {}
    key = partition_name(window)
    return {"next step": f"launch `{flow.job}` for {key}, then `marts` for {key[:10]}"}


def _skip_record(context: dg.OutputContext, window: Span, why: str | None) -> Document:
    """A record that the run had nothing to store; its partition counts as empty, not missing."""
    partition = partition_name(window)
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
    return {Fact.ANSWERED_AT: max(d["fetched_at"] for d in batch.documents).isoformat()}


def _shown(document: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "_id": document["_id"],
        "observed_at": document["observed_at"],
        "payload": canonical_payload(document["payload"]),
    }
