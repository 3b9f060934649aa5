"""Maps asset keys and Dagster contexts to tables and time spans, and names remedies.

What goes here: what follows from Dagster's keys and contexts, without a connection. What stays out:
spans and their names (in `partitions.spans`), reading and writing.
"""

from datetime import UTC, timedelta

import dagster as dg

from cryptoassets import schemas
from cryptoassets.partitions.spans import Span, partition_window
from cryptoassets.schemas import Table

_TABLES = {
    table.full_name: table
    for table in (
        *(table for flow in schemas.FLOWS for table in (flow.raw, flow.clean)),
        *schemas.POSTGRES_TABLES,
    )
}


def table_of(key: dg.AssetKey) -> Table:
    """The table that describes an asset's rows.

    Raises:
        KeyError: the asset has no table in `schemas`.
    """
    return _TABLES[".".join(key.path)]


def window_of(context: dg.InputContext | dg.OutputContext) -> Span:
    """The UTC time range of the partitions that a context writes or reads."""
    window = context.asset_partitions_time_window
    return Span(window.start.astimezone(UTC), window.end.astimezone(UTC))


def span_of(table: Table) -> timedelta:
    """The length of a partition of a table that belongs to a flow."""
    return next(f.span for f in schemas.FLOWS if table in (f.raw, f.clean, f.published))


def rebuild_command(window: Span) -> str:
    """The command that rebuilds a partition, or a range of partitions, from raw."""
    start, end = (f"{moment:%Y-%m-%dT%H:%M:%S}" for moment in window)
    return f"`cryptoassets rebuild --from {start} --to {end}`"


def remedy(key: dg.AssetKey, partition: str) -> str:
    """How to create a missing partition, as text for an error message."""
    history = schemas.HISTORY_FLOW
    is_history = table_of(key) in (history.raw, history.clean, history.published)
    command = f"`cryptoassets {'backfill' if is_history else 'run'}`"
    command += "" if is_history else " for the current hour"
    if table_of(key) in (flow.clean for flow in schemas.FLOWS):
        command = rebuild_command(partition_window(partition))
    return (
        f"A retry will not help; first materialize {key.to_user_string()} for {partition} "
        f"(Dagster UI, or {command})"
    )
