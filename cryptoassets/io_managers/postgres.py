"""PostgreSQL, the warehouse and the marts: a partition is published whole or not at all.

What goes here: which asset is published how, from Spark DataFrames and Arrow tables, and reading
ranges back. What stays out: the statements (in `publishing`) and the bytes (in `copying`).
"""

from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict
from datetime import timedelta
from typing import Any

import dagster as dg
import pyarrow as pa
import pyarrow.compute as pc
from psycopg import sql
from pydantic import PrivateAttr
from pyspark.sql import DataFrame

from cryptoassets.errors import (
    ContractViolationError,
    MixedSourcesError,
    UpstreamNotMaterializedError,
)
from cryptoassets.io_managers import address, metadata, plots, publishing, shapes
from cryptoassets.io_managers.copying import copy_out, stage
from cryptoassets.io_managers.frames import PassingFrames
from cryptoassets.io_managers.publishing import Changes, Load
from cryptoassets.resources.failures import TRIES_AGAIN, dagster_failures
from cryptoassets.resources.postgres import PostgresResource, ensure_months
from cryptoassets.resources.postgres_errors import typed_errors
from cryptoassets.resources.spark import SparkResource
from cryptoassets.resources.spark_errors import spark_errors
from cryptoassets.schemas import CLEAN_COIN_PRICES, COIN_PRICES, COINS, QUARANTINE, Table
from cryptoassets.transforms.contract import Tally, conservation_problems, key_problems, tally
from cryptoassets.transforms.prices import publication

_JUDGED_COLUMNS = (*COIN_PRICES.column_names, "outcome", "reasons", "payload")

QUARANTINE_KEY = dg.AssetKey(["warehouse", "quarantine"])


class PostgresIOManager(dg.ConfigurableIOManager):
    """Publishes DataFrames and Arrow tables; loads the range of a partition as either."""

    postgres: dg.ResourceDependency[PostgresResource]
    spark: dg.ResourceDependency[SparkResource]
    _frames: PassingFrames = PrivateAttr(default_factory=PassingFrames)

    def handle_output(self, context: dg.OutputContext, obj: DataFrame | pa.Table) -> None:
        """Publish a partition in one transaction.

        `warehouse/coin_prices` takes judged rows (columns of `schemas.CLEAN_COIN_PRICES`) and
        writes the table, the quarantine and the ledger; a view with fewer raw rows than the
        ledger's is older and publishes nothing. `warehouse/coins` is merged; every other asset's
        partition is replaced.

        Raises:
            dagster.Failure: SchemaMismatchError, ContractViolationError, MixedSourcesError,
                StoreError, ...; nothing was published.
        """
        with dagster_failures(tries_again=TRIES_AGAIN), spark_errors():
            key = context.asset_key
            table = address.table_of(key)
            shapes.refuse_other_types(key, obj, DataFrame, pa.Table)
            if table is COIN_PRICES:
                shapes.refuse_other_columns(key, obj, CLEAN_COIN_PRICES, _JUDGED_COLUMNS)
                self._publish_judged(context, _arrow(publication, obj))
                return
            shapes.refuse_other_columns(key, obj, table, table.column_names)
            rows = _arrow(lambda frame: frame.select(*table.column_names), obj)
            self._publish_rows(context, table, rows)

    def load_input(self, context: dg.InputContext) -> DataFrame | pa.Table:
        """Read the rows of the partition's range as DataFrame, or as Arrow table where annotated.

        Raises:
            dagster.Failure: UpstreamNotMaterializedError: no row in the range was ever published.
        """
        with dagster_failures(tries_again=TRIES_AGAIN), spark_errors():
            table = address.table_of(context.asset_key)
            window = address.window_of(context)
            query = sql.SQL("SELECT {} FROM {} WHERE {}").format(
                sql.SQL(", ").join(map(sql.Identifier, table.column_names)),
                sql.Identifier(table.schema, table.name),
                _scope(table, window),
            )
            with self._transaction(f"reading {table.full_name}") as cursor:
                rows = copy_out(cursor, table, query)
            if rows.num_rows == 0:
                self._refuse_missing(context, table, window)
            if context.dagster_type.typing_type is pa.Table:
                return rows
            return self._frames.frame(self.spark.session, table, rows.to_batches())

    def teardown_after_execution(self, _context: dg.InitResourceContext) -> None:
        """Delete the files that DataFrames were read through."""
        self._frames.clear()

    def _publish_judged(self, context: dg.OutputContext, judged: pa.Table) -> None:
        asset, window = context.asset_key.to_user_string(), address.window_of(context)
        problems = conservation_problems(judged) + key_problems(judged, COIN_PRICES.key)
        if problems:
            message = f"{asset}: {'; '.join(problems)}. Nothing was published; no retry will help"
            raise ContractViolationError(message)
        load = _load(context, tally(judged))
        valid = judged.filter(pc.equal(judged["outcome"], "valid"))
        refused = _quarantine_rows(judged, load)
        with self._transaction(f"publishing {asset} {load.partition_key}") as cursor:
            _make_months(cursor, window)
            _refuse_mixed_sources(cursor, valid)
            stage(cursor, COIN_PRICES, valid)
            stage(cursor, QUARANTINE, refused)
            publishing.lock_partition(cursor, asset, load.partition_key)
            seen, loaded = publishing.published_rows(cursor, asset, load.partition_key)
            changes, is_older = Changes(), seen > load.raw_rows
            if not is_older:
                changes = publishing.replace_rows(cursor, COIN_PRICES, _scope(COIN_PRICES, window))
                publishing.replace_quarantine(cursor, load)
                publishing.write_ledger(cursor, load)
        if is_older:
            context.log.warning(
                "%s %s is published from %d raw documents; this view of %d is older and publishes "
                "nothing",
                asset,
                load.partition_key,
                seen,
                load.raw_rows,
            )
        else:
            self._log_quarantine(context, refused)
        facts = {**_counts(load), **_counts(changes), "published": not is_older}
        if is_older:
            facts["dagster/partition_row_count"] = loaded
        self._report(context, COIN_PRICES, valid, facts)

    def _publish_rows(self, context: dg.OutputContext, table: Table, rows: pa.Table) -> None:
        asset = context.asset_key.to_user_string()
        with self._transaction(f"publishing {asset} {context.partition_key}") as cursor:
            stage(cursor, table, rows)
            if table is COINS:
                changes = publishing.merge_coins(cursor)
            else:
                publishing.lock_partition(cursor, asset, context.partition_key)
                scope = _scope(table, address.window_of(context))
                changes = publishing.replace_rows(cursor, table, scope)
        self._report(context, table, rows, _counts(changes))

    @contextmanager
    def _transaction(self, action: str) -> Iterator[publishing.Cursor]:
        with (
            typed_errors(action, self.postgres.address),
            self.postgres.connect() as connection,
            connection.cursor() as cursor,
        ):
            yield cursor

    def _report(
        self, context: dg.OutputContext, table: Table, rows: pa.Table, facts: dict[str, Any]
    ) -> None:
        plot = plots.plot_of(table, rows)
        metadata.report(
            context,
            table,
            uri=f"{self.postgres.address}/{table.full_name}",
            partition_rows=rows.num_rows,
            facts={**facts, **({"plot": plot} if plot else {})},
            rows=rows.select(table.column_names).slice(0, metadata.PREVIEW_ROWS).to_pylist(),
        )

    def _log_quarantine(self, context: dg.OutputContext, refused: pa.Table) -> None:
        reasons = Counter(reason for row in refused["reasons"].to_pylist() for reason in row)
        context.log_event(
            dg.AssetMaterialization(
                asset_key=QUARANTINE_KEY,
                partition=context.partition_key,
                metadata={
                    "dagster/uri": f"{self.postgres.address}/{QUARANTINE.full_name}",
                    "dagster/partition_row_count": refused.num_rows,
                    "reasons": dict(reasons.most_common()),
                },
            )
        )

    def _refuse_missing(
        self, context: dg.InputContext, table: Table, window: address.Window
    ) -> None:
        """Tell a range that was published empty from one that never was."""
        asset = context.asset_key.to_user_string()
        has_ledger = table is COIN_PRICES
        if not (self._has_ledger_row(context) if has_ledger else _was_materialized(context)):
            partition = address.partition_name(window)
            message = (
                f"{asset} has no rows of {partition} in {self.postgres.address}. "
                f"{address.remedy(context.asset_key, partition)}"
            )
            raise UpstreamNotMaterializedError(message)

    def _has_ledger_row(self, context: dg.InputContext) -> bool:
        asset = context.asset_key.to_user_string()
        with self._transaction(f"reading the ledger of {asset}") as cursor:
            cursor.execute(
                "SELECT FROM warehouse.loads WHERE asset = %s AND partition_key = ANY(%s) LIMIT 1",
                [asset, list(context.asset_partition_keys)],
            )
            return cursor.fetchone() is not None


def _was_materialized(context: dg.InputContext) -> bool:
    """Whether Dagster knows of the partition; marts have no ledger, and a day may be empty."""
    wanted = dg.AssetRecordsFilter(
        asset_key=context.asset_key, asset_partitions=list(context.asset_partition_keys)
    )
    return bool(context.instance.fetch_materializations(wanted, limit=1).records)


def _arrow(rows_of: Callable[[DataFrame], DataFrame], obj: DataFrame | pa.Table) -> pa.Table:
    return obj if isinstance(obj, pa.Table) else rows_of(obj).toArrow()


def _counts(counted: Load | Changes) -> dict[str, int]:
    numbers = {name: value for name, value in asdict(counted).items() if isinstance(value, int)}
    return {name.replace("_", " "): value for name, value in numbers.items()}


def _load(context: dg.OutputContext, counted: Tally) -> Load:
    return Load(
        asset=context.asset_key.to_user_string(),
        partition_key=context.partition_key,
        run_id=context.run_id,
        raw_rows=counted.raw,
        loaded_rows=counted.valid,
        quarantined_rows=counted.quarantined,
        superseded_rows=counted.superseded,
    )


def _quarantine_rows(judged: pa.Table, load: Load) -> pa.Table:
    refused = judged.filter(pc.equal(judged["outcome"], "quarantined"))
    constants = {"asset": load.asset, "partition_key": load.partition_key, "run_id": load.run_id}
    columns = {
        **{name: refused[name] for name in ("raw_id", "reasons", "payload")},
        "first_seen_at": refused["fetched_at"],
        **{name: pa.repeat(pa.scalar(text), len(refused)) for name, text in constants.items()},
    }
    return pa.table({name: columns[name] for name in QUARANTINE.column_names})


def _make_months(cursor: publishing.Cursor, window: address.Window) -> None:
    """Make this month's partition and the next one, committed before anything is published.

    A reader that was planned before a partition came does not look into it, though it may already
    see the ledger row that came with it: so a month must stand before its first row does.
    """
    month = window[0].date().replace(day=1)
    ensure_months(cursor.connection, [month, month + timedelta(days=32)])


def _scope(table: Table, window: address.Window) -> sql.Composable:
    if "observed_at" in table.column_names:
        return publishing.in_window("observed_at", window)
    if "day" in table.column_names:
        return publishing.in_window("day", (window[0].date(), window[1].date()))
    # `warehouse.coins` has one row a coin, whatever the partition.
    return sql.SQL("TRUE")


def _refuse_mixed_sources(cursor: publishing.Cursor, valid: pa.Table) -> None:
    cursor.execute("SELECT source FROM warehouse.coin_prices ORDER BY observed_at DESC LIMIT 1")
    there = cursor.fetchone()
    if there is None or valid.num_rows == 0:
        return
    coming = set(pc.unique(valid["source"]).to_pylist())
    if {source == "coincap" for source in coming} != {there[0] == "coincap"}:
        message = (
            f"PostgreSQL holds prices of source {there[0]!r}; those of {', '.join(sorted(coming))} "
            "would mix with them. A retry will not help; set POSTGRES_URL and MONGO_URL to "
            "databases of their own for each source, or leave both out (the embedded stores are "
            "kept apart)"
        )
        raise MixedSourcesError(message)
