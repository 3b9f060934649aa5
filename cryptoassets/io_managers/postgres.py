"""PostgreSQL, the warehouse and the marts: each partition is published atomically.

What goes here: choosing how to publish an asset's value, and loading ranges. What stays out:
publishing judged rows (in `judged`), the SQL statements (in `publishing`, `reading`), and copying
(in `copying`).
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from datetime import UTC, datetime, timedelta
from typing import Any

import dagster as dg
import pyarrow as pa
from pydantic import PrivateAttr
from pyspark.sql import DataFrame

from cryptoassets.errors import ContractViolationError, ExpiredPartitionError
from cryptoassets.facts import Fact
from cryptoassets.io_managers import address, judged, metadata, plots, reading, shapes
from cryptoassets.io_managers.frames import TemporaryFrames
from cryptoassets.io_managers.judged_additions import publish_addition
from cryptoassets.io_managers.judged_staging import staged_rows
from cryptoassets.io_managers.mart_day import publish_day
from cryptoassets.io_managers.preview_rows import preview_rows, rows_to_draw
from cryptoassets.io_managers.step_reading import StepReading
from cryptoassets.partitions.spans import Span, partition_name
from cryptoassets.resources.failures import STEP_RETRIES, dagster_failures
from cryptoassets.resources.postgres import PostgresResource
from cryptoassets.resources.spark import SparkResource
from cryptoassets.resources.spark_errors import spark_errors
from cryptoassets.schemas import (
    COINS,
    QUARANTINE,
    SNAPSHOT_FLOW,
    Flow,
    Table,
    flow_into,
)
from cryptoassets.schemas.arrow import arrow_schema
from cryptoassets.stores import publications, publishing
from cryptoassets.stores.clean import CleanFiles
from cryptoassets.stores.clean_folders import written_partitions
from cryptoassets.stores.copying import stage
from cryptoassets.stores.mart_inputs import InputsRead
from cryptoassets.stores.postgres_errors import typed_errors
from cryptoassets.stores.publications import MartLoad
from cryptoassets.stores.publishing import Changes, Load

QUARANTINE_KEY = dg.AssetKey(["warehouse", "quarantine"])
_DAY = timedelta(days=1)
_MAX_REREADS = 3
"""How often a mart may be recomputed because newer inputs were published in the meantime."""


class PostgresIOManager(dg.ConfigurableIOManager):
    """Publishes Parquet files, DataFrames and Arrow tables; loads DataFrames and Arrow tables."""

    postgres: dg.ResourceDependency[PostgresResource]
    spark: dg.ResourceDependency[SparkResource]
    _frames: TemporaryFrames = PrivateAttr(default_factory=TemporaryFrames)
    _inputs: InputsRead = PrivateAttr(default_factory=InputsRead)
    _reading: StepReading = PrivateAttr(default_factory=StepReading)

    def handle_output(
        self, context: dg.OutputContext, obj: CleanFiles | DataFrame | pa.Table
    ) -> None:
        """Publish each partition in one transaction.

        The published asset of a `Flow` returns judged rows, with the columns of the flow's `clean`.
        They are written to the table and the quarantine, and counted in the ledger. If the ledger
        counts more raw documents, these rows are older and are not published. Rows of
        `warehouse/coins` are merged into the table. For all other assets, partitions are replaced.

        Raises:
            dagster.Failure: SchemaMismatchError, ContractViolationError, MixedSourcesError,
                StoreError, ... Nothing was published. If the run has several partitions, this is
                true only of the partitions that the message names.
        """
        with dagster_failures(retries=STEP_RETRIES), spark_errors():
            key = context.asset_key
            table = address.table_of(key)
            flow = flow_into(table)
            if flow is not None:
                shapes.refuse_other_types(key, obj, CleanFiles, DataFrame, pa.Table)
                if not isinstance(obj, CleanFiles):
                    shapes.refuse_other_columns(key, obj, flow.clean, flow.judged_columns)
                self._publish_judged(context, flow, obj)
                return
            rows = _rows(key, table, obj)
            if table.is_merged:
                self._merge_coins(context, rows)
            else:
                with dagster_failures(retries=_MAX_REREADS):
                    self._replace_mart(context, table, rows)

    def load_input(self, context: dg.InputContext) -> DataFrame | pa.Table:
        """Read the range as an Arrow table if the input is annotated as one, else as a DataFrame.

        All inputs of a step are read in one transaction. An input's metadata may name `columns`.

        Raises:
            dagster.Failure: SchemaMismatchError: `columns` names columns that the table lacks.
                UpstreamNotMaterializedError: no row in the range was ever published.
                ExpiredPartitionError: retention deleted a part of the range.
        """
        with dagster_failures(retries=STEP_RETRIES), spark_errors():
            table = address.table_of(context.asset_key)
            read = reading.columns_read(context)
            if context.has_asset_partitions and not context.asset_partition_keys:
                # On the first day of a mart there are no earlier days to read.
                return arrow_schema(read).empty_table()
            window = address.window_of(context) if context.has_asset_partitions else None
            where = self.postgres.address
            is_arrow = context.dagster_type.typing_type is pa.Table
            # Start Spark before the transaction, which must not wait for the JVM.
            session = None if is_arrow else self.spark.session
            with (
                typed_errors(f"reading {table.full_name}", where),
                self._reading.cursor(context, self.postgres.connect) as cursor,
            ):
                versions = self._inputs.note(cursor, table, window)
                reading.refuse_if_expired(cursor, context)
                batches = reading.read_batches(cursor, context, read, where)
                if session is None:
                    return pa.Table.from_batches(batches, schema=arrow_schema(read))
                rows = self._frames.kept(read, window, versions)
                if rows is None:
                    rows = self._frames.frame(session, read, batches)
                    self._frames.keep(read, window, versions, rows)
            self.spark.prepare_for(self._frames.rows)
            return rows

    def teardown_after_execution(self, _context: dg.InitResourceContext) -> None:
        """End the reading transaction; delete temporary files and the noted versions of inputs."""
        self._reading.end()
        self._frames.clear()
        self._inputs.clear()

    def _publish_judged(
        self, context: dg.OutputContext, flow: Flow, obj: CleanFiles | DataFrame | pa.Table
    ) -> None:
        """Publish a run's partitions one by one; a bad partition does not block the others."""
        run_id, stores = context.run_id, (self.postgres, self.spark)
        added = publish_addition(*stores, self._transaction, flow, run_id, obj)
        if added:
            self._report_publication(context, added, is_one_of_many=False)
            return
        wanted = address.partitions_of(context, flow.span)
        partitions = list(obj.partitions) if isinstance(obj, CleanFiles) else wanted
        left_out: list[str] = []
        filled: list[Span] = []
        with staged_rows(*stores, flow, run_id, obj, partitions) as staged:
            for partition in staged:
                is_last = partition.partition == partitions[-1]
                try:
                    publication = judged.publish(
                        self._transaction, partition, run_id, is_last=is_last
                    )
                except (ContractViolationError, ExpiredPartitionError) as error:
                    left_out.append(str(error))
                else:
                    self._report_publication(context, publication, is_one_of_many=len(wanted) > 1)
                    if publication.load.raw_rows:
                        filled.append(partition.partition)
        if left_out:
            metadata.log_materializations(context, map(partition_name, filled))
            raise ContractViolationError(judged.left_out_message(left_out, len(partitions)))
        metadata.report_empty(context, [one for one in wanted if one not in filled], {})
        metadata.materialize_only(context, filled)

    def _report_publication(
        self, context: dg.OutputContext, publication: judged.Publication, *, is_one_of_many: bool
    ) -> None:
        """Report a publication, or warn that nothing was published."""
        load, flow = publication.load, publication.staged.flow
        if publication.is_older:
            context.log.warning(
                "%s %s is already published from %d raw documents; this run read only %d of them "
                "and publishes nothing",
                load.asset,
                load.partition_key,
                publication.previous_raw_rows,
                load.raw_rows,
            )
        elif load.quarantined_rows or publication.released or not is_one_of_many:
            self._log_quarantine(context, publication)
        counts = {**_counts(load), **_counts(publication.changes)}
        facts: dict[str, Any] = {**counts, "published": not publication.is_older}
        facts["documents released"] = publication.released
        facts[Fact.PUBLISHED_AT] = datetime.now(UTC).isoformat()
        facts["dagster/partition_row_count"] = publication.row_count
        partition = load.partition_key if is_one_of_many else None
        with self._transaction(f"reading {load.asset} {load.partition_key}") as cursor:
            shown = preview_rows(cursor, flow.published, publication.staged.partition)
        self._report(context, flow.published, shown, facts, partition)

    def _merge_coins(self, context: dg.OutputContext, rows: pa.Table) -> None:
        """Merge the coins of all hours of a run in one transaction."""
        hours = partition_name(address.window_of(context))
        with self._transaction(f"publishing warehouse/coins {hours}") as cursor:
            stage(cursor, COINS, rows)
            changes = publishing.merge_coins(cursor)
        self._report(context, COINS, rows, _counts(changes))
        wanted = address.partitions_of(context, SNAPSHOT_FLOW.span)
        written = written_partitions(SNAPSHOT_FLOW.clean, wanted) if len(wanted) > 1 else wanted
        metadata.materialize_only(context, written if rows.num_rows else [])

    def _replace_mart(self, context: dg.OutputContext, table: Table, rows: pa.Table) -> None:
        """Replace the days of a run, each in a separate transaction.

        Raises:
            OlderInputsError: another run has published a day from newer inputs in the meantime. The
                step must be repeated, so that it reads the newer inputs.
        """
        mart = context.asset_key.to_user_string()
        days = address.partitions_of(context, _DAY)
        existing = set()
        if len(days) > 1:
            with self._transaction(f"reading the days of {mart}") as cursor:
                existing = publications.published_days(cursor, mart)
        empty: list[Span] = []
        for window in days:
            name, day = partition_name(window), window[0].date()
            of_day = rows if len(days) == 1 else reading.rows_of_day(table, rows, window)
            if len(days) > 1 and not of_day.num_rows:
                empty.append(window)
                if name not in existing:
                    continue
            inputs = self._inputs.of(mart, day, days[0][0].date())
            with self._transaction(f"publishing {mart} {name}") as cursor:
                load = MartLoad(mart, name, context.run_id, of_day.num_rows)
                changes = publish_day(cursor, load, of_day, window, inputs, days[0][0].date())
                drawn = rows_to_draw(cursor, table, of_day, window)
            partition = name if len(days) > 1 else None
            self._report(context, table, of_day, _counts(changes), partition, drawn=drawn)
        metadata.report_empty(context, empty, {})
        metadata.materialize_only(context, [one for one in days if one not in empty])

    @contextmanager
    def _transaction(self, action: str) -> Iterator[publishing.Cursor]:
        with (
            typed_errors(action, self.postgres.address),
            self.postgres.connect() as connection,
            connection.cursor() as cursor,
        ):
            yield cursor

    def _report(
        self,
        context: dg.OutputContext,
        table: Table,
        rows: pa.Table,
        facts: dict[str, Any],
        partition: str | None = None,
        *,
        drawn: pa.Table | None = None,
    ) -> None:
        plot = plots.plot_of(table, rows if drawn is None else drawn)
        shown = rows.select(table.column_names).slice(0, metadata.PREVIEW_ROWS)
        metadata.report(
            context,
            table,
            uri=f"{self.postgres.address}/{table.full_name}",
            partition_rows=rows.num_rows,
            facts={
                **facts,
                **({"plot": plot} if plot else {}),
                "preview": metadata.preview(shown.to_pylist()),
            },
            partition=partition,
        )

    def _log_quarantine(self, context: dg.OutputContext, publication: judged.Publication) -> None:
        load = publication.load
        context.log_event(
            dg.AssetMaterialization(
                asset_key=QUARANTINE_KEY,
                # The quarantine has hourly partitions, so only the metadata can name a day.
                partition=load.partition_key if publication.staged.flow.is_hourly else None,
                metadata={
                    "dagster/uri": f"{self.postgres.address}/{QUARANTINE.full_name}",
                    "dagster/partition_row_count": load.quarantined_rows,
                    "refused by": f"{load.asset} {load.partition_key}",
                    "reasons": dict(publication.reasons),
                },
            )
        )


def _rows(key: dg.AssetKey, table: Table, obj: Any) -> pa.Table:
    """The rows of an asset that belongs to no flow, as an Arrow table."""
    shapes.refuse_other_types(key, obj, DataFrame, pa.Table)
    shapes.refuse_other_columns(key, obj, table, table.column_names)
    return obj.select(*table.column_names).toArrow() if isinstance(obj, DataFrame) else obj


def _counts(counted: Load | Changes) -> dict[str, int]:
    return {Fact(name): value for name, value in asdict(counted).items() if isinstance(value, int)}
