"""Copies judged rows to a staging table, from which they are published partition by partition.

What goes here: the Spark jobs that copy rows, and the lifetime of the staging table. What stays
out: the tasks of these jobs (in `stores.staging`), publishing (in `judged`).
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import TypeAlias
from uuid import uuid4

import psycopg
import pyarrow as pa
from pyspark.sql import DataFrame

from cryptoassets.partitions.spans import Span
from cryptoassets.resources.postgres import PostgresResource
from cryptoassets.resources.spark import SparkResource
from cryptoassets.resources.workers import credentials
from cryptoassets.schemas import Flow
from cryptoassets.stores.additions import Addition, files_hash
from cryptoassets.stores.clean import CleanFiles
from cryptoassets.stores.postgres_errors import typed_errors
from cryptoassets.stores.staged import (
    StagedPartition,
    prepare_staged,
    staged_partitions,
    staging_table,
)
from cryptoassets.stores.staging import (
    STAGED_SCHEMA,
    StageBatches,
    Staged,
    StageTask,
    rows_in,
    stage_rows,
)
from cryptoassets.workers import code_hash

JudgedRows: TypeAlias = "CleanFiles | DataFrame | pa.Table"
"""Judged rows as an asset returns them. In a DataFrame, all rows with the same `observed_at` must
be in the same Spark partition."""


@contextmanager
def staged_rows(
    postgres: PostgresResource,
    spark: SparkResource,
    flow: Flow,
    run_id: str,
    judged: "JudgedRows | Addition",
    partitions: list[Span],
) -> Iterator[list[StagedPartition]]:
    """Copy judged rows to a staging table, which is dropped when the block ends.

    Args:
        postgres: the warehouse.
        spark: runs the tasks.
        flow: determines the published table.
        run_id: the Dagster run that publishes.
        judged: rows of all partitions; for an addition, only the added files are copied.
        partitions: oldest first.
    """
    action = f"staging rows of {flow.asset}"
    with (
        typed_errors(action, postgres.address),
        postgres.connect(autocommit=True) as connection,
        staging_table(connection, flow, run_id) as table,
    ):
        if isinstance(judged, Addition):
            staged = _stage_files(spark, table, flow, judged.added)
        elif isinstance(judged, CleanFiles):
            staged = _stage_files(spark, table, flow, judged)
        elif isinstance(judged, DataFrame):
            staged = _stage_frame(table, flow, judged, partitions)
        else:
            staged = _stage_table(connection, table, flow, judged, partitions)
        prepare_staged(connection, table, flow, len(partitions))
        yield [
            _with_files(partition, judged)
            for partition in staged_partitions(table, flow, partitions, staged)
        ]


def _with_files(staged: StagedPartition, judged: "JudgedRows | Addition") -> StagedPartition:
    """Record the files that the rows of a partition come from, if any."""
    if isinstance(judged, Addition):
        return replace(staged, files_hash=files_hash(judged.files.files), addition=judged)
    if isinstance(judged, CleanFiles):
        files = [file for file in judged.files if file.partition == staged.partition]
        return replace(staged, files_hash=files_hash(files))
    return staged


def _stage_files(spark: SparkResource, table: str, flow: Flow, judged: CleanFiles) -> list[Staged]:
    """Run the job that copies files. Call `collect` only once: each call copies the rows again."""
    groups = judged.groups()
    if not groups:
        return []
    task = StageTask(flow, table, groups, credentials(mongo=False))
    rows = spark.tasks(task, len(groups), STAGED_SCHEMA).collect()
    return [Staged(**row.asDict()) for row in rows]


def _stage_frame(table: str, flow: Flow, judged: DataFrame, partitions: list[Span]) -> list[Staged]:
    """Run the job that copies a DataFrame. Call `collect` only once, as in `_stage_files`."""
    rows = judged.select(*flow.judged_columns)
    work = StageBatches(flow, table, tuple(partitions), credentials(mongo=False), code_hash())
    return [Staged(**row.asDict()) for row in rows.mapInArrow(work, STAGED_SCHEMA).collect()]


def _stage_table(
    connection: "psycopg.Connection[object]",
    table: str,
    flow: Flow,
    judged: pa.Table,
    partitions: list[Span],
) -> list[Staged]:
    """Copy rows that are in the driver's memory."""
    attempt = uuid4().hex
    with connection.transaction(), connection.cursor() as cursor:
        return [
            stage_rows(cursor, table, flow, rows_in(judged, window), window, attempt)
            for window in partitions
        ]
