"""Publishes one day of a mart.

What goes here: the order of the statements in the publishing transaction. What stays out: opening
the transaction and reporting (in `postgres`), each statement (in `stores`).
"""

from dataclasses import replace
from datetime import date

import pyarrow as pa
from psycopg.sql import SQL

from cryptoassets.io_managers import reading
from cryptoassets.partitions.spans import Span
from cryptoassets.resources.locks import lock
from cryptoassets.schemas import Mart, mart_named
from cryptoassets.stores import publications, publishing
from cryptoassets.stores.copying import stage
from cryptoassets.stores.mart_inputs import Inputs, numbers_of
from cryptoassets.stores.publications import MartLoad
from cryptoassets.stores.publishing import Changes
from cryptoassets.stores.weeks import merge_week, monday_of


def publish_day(
    cursor: publishing.Cursor,
    load: MartLoad,
    rows: pa.Table,
    window: Span,
    inputs: Inputs,
    first: date,
) -> Changes:
    """Replace the rows of a day, and record what they were computed from.

    Args:
        cursor: cursor of the publishing transaction.
        load: the row to write to `warehouse.mart_loads`.
        rows: all rows of the day.
        window: the span of the day.
        inputs: the versions of the inputs that the run has read.
        first: first day of the run.

    Raises:
        OlderInputsError: another run has published the day from newer inputs in the meantime.
    """
    mart, day = mart_named(load.asset), window.start.date()
    stage(cursor, mart.table, rows)
    lock(cursor, load.asset, load.partition_key)
    publications.refuse_older_inputs(cursor, load.asset, day, inputs, first)
    merged = numbers_of(cursor, mart.merged_assets, day, day)
    changes = _replace_day(cursor, mart, window)
    read = replace(inputs, numbers=inputs.numbers | merged)
    publications.write_mart_load(cursor, load, changes, read)
    return changes


def _replace_day(cursor: publishing.Cursor, mart: Mart, window: Span) -> Changes:
    """Make a mart's rows of a day equal to the staged rows; update its weekly rows, if any."""
    day = reading.scope(mart.table, window)
    if not mart.merged:
        return publishing.replace_rows(cursor, mart.table, day)
    changes = publishing.replace_rows(
        cursor, mart.table, SQL("{} AND interval <> 'w1'").format(day)
    )
    monday = monday_of(window.start.date())
    lock(cursor, f"{mart.asset} w1", str(monday))
    return changes + merge_week(cursor, monday)
