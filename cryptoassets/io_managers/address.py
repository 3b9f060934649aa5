"""Maps asset keys and Dagster contexts to tables, time spans and remedies for missing partitions.

What goes here: what can be derived from Dagster's keys and contexts, without a connection. What
stays out: spans and their names (in `partitions.spans`), reading and writing.
"""

from datetime import UTC, timedelta

import dagster as dg

from cryptoassets import schemas
from cryptoassets.partitions.spans import Span, partition_window, partitions_in, rebuild_command
from cryptoassets.schemas import Table


def table_of(key: dg.AssetKey) -> Table:
    """The table that describes an asset's rows.

    Raises:
        KeyError: the asset has no table in `schemas`.
    """
    return schemas.table_named(".".join(key.path))


def window_of(context: dg.InputContext | dg.OutputContext) -> Span:
    """The UTC time range of the partitions that a context writes or reads."""
    window = context.asset_partitions_time_window
    return Span(window.start.astimezone(UTC), window.end.astimezone(UTC))


def partitions_of(context: dg.InputContext | dg.OutputContext, length: timedelta) -> list[Span]:
    """The partitions that a context writes or reads, each of this length, oldest first."""
    return partitions_in(window_of(context), length)


def remedy(key: dg.AssetKey, partition: str) -> str:
    """How to create a missing partition, as text for an error message."""
    table = table_of(key)
    flow = schemas.flow_of(table)
    is_history = flow is not None and flow.is_history
    command = f"`cryptoassets {'backfill' if is_history else 'run'}`"
    command += "" if is_history else " for the current hour"
    if flow and table == flow.clean:
        command = rebuild_command(partition_window(partition))
    return (
        f"A retry will not help; first materialize {key.to_user_string()} for {partition} "
        f"(Dagster UI, or {command})"
    )
